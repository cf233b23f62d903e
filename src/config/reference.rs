//! The table of keys as `docs/configuration.md` shows it.

use std::fmt::Write;

use super::keys::{KEYS, SECTIONS};

/// Markdown: a heading and a table for each section.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for (section, about) in SECTIONS {
        let rows: String = KEYS.iter().filter(|key| key.section == *section).map(row).collect();
        // Writing to a String can't fail.
        writeln!(
            text,
            "### [{section}]\n\n{about}.\n\n| Key | What it is for | Allowed | Default | Variable |\n|---|---|---|---|---|\n{rows}"
        )
        .unwrap_or_default();
    }
    text
}

fn row(key: &super::Key) -> String {
    let default = key.default.map_or("none".into(), |default| format!("`{default}`"));
    let variable = match key.file_variable() {
        Some(_) => format!("`{}`, `…_FILE`", key.variable()),
        None => format!("`{}`", key.variable()),
    };
    format!("| `{}` | {} | {} | {default} | {variable} |\n", key.name, key.doc, key.allowed())
}

//! The tables of keys as `docs/configuration.md` shows them.

use std::fmt::Write;

use super::{
    keys::{KEYS, Key, SECTIONS},
    routes::ROUTE_KEYS,
    suppliers::{RATES, SUPPLIER_KEYS},
};

/// A key that is no plain value, as the docs show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    /// What it is for, in a line.
    pub doc: &'static str,
    pub allowed: &'static str,
    pub default: Option<&'static str>,
    /// `None`: the file alone sets it.
    pub variable: Option<&'static str>,
}

/// Markdown: a heading and a table for each section.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for (section, about) in SECTIONS {
        let rows: String = KEYS.iter().filter(|key| key.section == *section).map(of_key).collect();
        add(&mut text, section, about, &rows);
    }
    let rows: String = SUPPLIER_KEYS.iter().map(of_key).chain([of_row(&RATES)]).collect();
    add(&mut text, "suppliers.NAME", "A supplier; NAME is yours: 1 to 32 of a-z 0-9 _", &rows);
    let rows: String = ROUTE_KEYS.into_iter().map(of_row).collect();
    add(&mut text, "routes.SKU", "Where a SKU may be bought; one with a dot or a colon stands in quotes", &rows);
    text
}

fn add(text: &mut String, section: &str, about: &str, rows: &str) {
    // Writing to a String can't fail.
    writeln!(
        text,
        "### [{section}]\n\n{about}.\n\n| Key | What it is for | Allowed | Default | Variable |\n|---|---|---|---|---|\n{rows}"
    )
    .unwrap_or_default();
}

fn of_key<T>(key: &Key<T>) -> String {
    let default = key.default.map_or("none".into(), |default| format!("`{default}`"));
    let variable = match key.file_variable() {
        Some(_) => format!("`{}`, `…_FILE`", key.variable()),
        None => format!("`{}`", key.variable()),
    };
    format!("| `{}` | {} | {} | {default} | {variable} |\n", key.name, key.doc, key.allowed())
}

fn of_row(row: &Row) -> String {
    let default = row.default.map_or("none".into(), |default| format!("`{default}`"));
    let variable = row.variable.map_or("file only".into(), |variable| format!("`{variable}`"));
    format!("| `{}` | {} | {} | {default} | {variable} |\n", row.name, row.doc, row.allowed)
}

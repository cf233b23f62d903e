//! The schema, its version, and what our user may do in it.

use fulfil_contract::examination::{Check, Finding, Promise};

use super::{Asking, PSQL, get};
use crate::migrate::VERSION;

const SCHEMA: Check = Check { id: "postgres.schema", subject: "schema", promise: Promise::WorkGoesOn };
const PERMISSIONS: Check = Check { id: "postgres.permissions", subject: "permissions", promise: Promise::WorkGoesOn };

/// What workers and the other commands do with each table; `migrate` wants to own them besides.
const NEEDED: [(&str, &[&str]); 16] = [
    ("announcement", &["SELECT", "INSERT", "DELETE"]),
    ("attempt", &["SELECT", "INSERT", "UPDATE"]),
    ("card_key", &["SELECT", "INSERT", "UPDATE"]),
    ("conflict", &["SELECT", "INSERT"]),
    ("held_key", &["SELECT", "INSERT", "DELETE"]),
    ("lot", &["SELECT", "INSERT", "UPDATE"]),
    ("migration", &["SELECT"]),
    ("orders", &["SELECT", "INSERT", "UPDATE"]),
    ("procurement", &["SELECT", "INSERT", "UPDATE"]),
    ("refused_key", &["SELECT", "INSERT"]),
    ("review", &["SELECT", "INSERT", "UPDATE"]),
    ("sku", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("stock_server", &["SELECT", "INSERT", "UPDATE"]),
    ("told_key", &["SELECT", "INSERT"]),
    ("try", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("unreadable", &["SELECT", "INSERT"]),
];

pub(super) async fn look(asking: &Asking<'_>) -> Vec<Finding> {
    let there = asking.row("select to_regclass('fulfil.migration') is not null", &[]).await;
    match there.as_ref().map(|row| get(row, 0)) {
        Ok(Some(true)) => {}
        Ok(_) => return vec![SCHEMA.broken("schema fulfil is missing").mended("shell", "fulfil migrate")],
        // Names in a schema that may not be used are not even looked up.
        Err(why) if why.contains("42501") => return vec![missing(asking, "USAGE on schema fulfil".into()).await],
        Err(why) => return vec![SCHEMA.not_asked(format!("can't be seen: {why}"))],
    }
    vec![version(asking).await, permissions(asking).await]
}

async fn version(asking: &Asking<'_>) -> Finding {
    let answer = asking.row("select coalesce(max(version), 0) from fulfil.migration", &[]).await;
    let found: i32 = match answer.as_ref().map(|row| get(row, 0)) {
        Ok(found) => found.unwrap_or(0),
        Err(why) => {
            let line = format!("GRANT SELECT ON fulfil.migration TO {};", grantee(asking).await);
            return SCHEMA.not_asked(format!("its version can't be seen: {why}")).mended(PSQL, line);
        }
    };
    match found.cmp(&VERSION) {
        std::cmp::Ordering::Equal => SCHEMA.ok(format!("version {found}")),
        std::cmp::Ordering::Less => SCHEMA
            .broken(format!("version {found}; this program needs {VERSION} and refuses to work"))
            .mended("shell", "fulfil migrate"),
        std::cmp::Ordering::Greater => SCHEMA
            .broken(format!("version {found}; this program knows {VERSION} and refuses to work"))
            .mended("shell", "fulfil --version   # use the release that migrated, or a newer one"),
    }
}

async fn permissions(asking: &Asking<'_>) -> Finding {
    let (mut tables, mut privileges) = (Vec::new(), Vec::new());
    for (table, needed) in NEEDED {
        for privilege in needed {
            tables.push(format!("fulfil.{table}"));
            privileges.push((*privilege).to_owned());
        }
    }
    // A table that is not there belongs to the version, which has its own finding.
    let sql = "select t.name || ' ' || t.privilege from unnest($1::text[], $2::text[]) t (name, privilege) \
               where to_regclass(t.name) is not null and not has_table_privilege(t.name, t.privilege) \
               union all select 'sequence fulfil.key_id USAGE' \
               where to_regclass('fulfil.key_id') is not null and not has_sequence_privilege('fulfil.key_id', 'USAGE')";
    match asking.rows(sql, &[&tables, &privileges]).await {
        Ok(rows) if rows.is_empty() => PERMISSIONS.ok("everything that workers do"),
        Ok(rows) => {
            let lacking: Vec<String> = rows.iter().filter_map(|row| get(row, 0)).collect();
            missing(asking, some_of(&lacking)).await
        }
        Err(why) => PERMISSIONS.not_asked(format!("can't be seen: {why}")),
    }
}

async fn missing(asking: &Asking<'_>, what: String) -> Finding {
    let user = grantee(asking).await;
    PERMISSIONS
        .broken(format!("the user of ledger.url lacks {what}"))
        .mended(
            PSQL,
            format!("GRANT USAGE ON SCHEMA fulfil TO {user};   -- as the tables' owner, in ledger.url's database"),
        )
        .mended(PSQL, format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA fulfil TO {user};"))
        .mended(PSQL, format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA fulfil TO {user};"))
}

/// Whose privileges are looked at, as an identifier: `user`, for one, has to be quoted.
async fn grantee(asking: &Asking<'_>) -> String {
    let name = asking.row("select quote_ident(current_user)", &[]).await;
    name.ok().and_then(|row| get(&row, 0)).unwrap_or_else(|| "ROLE".to_owned())
}

fn some_of(all: &[String]) -> String {
    const MOST: usize = 4;
    let some = all.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if all.len() > MOST { format!("{some} and {} more", all.len() - MOST) } else { some }
}

//! What is committed has to be on the disk, of a server that may be written to.

use fulfil_contract::examination::{Check, Finding, Promise};

use super::{Asking, PSQL, Settings, get};

const RECOVERY: Check = Check { id: "postgres.primary", subject: "role", promise: Promise::WorkGoesOn };
const COMMIT: Check =
    Check { id: "postgres.synchronous_commit", subject: "synchronous_commit", promise: Promise::DecisionsStay };
const FSYNC: Check = Check { id: "postgres.fsync", subject: "fsync", promise: Promise::DecisionsStay };
const PAGES: Check =
    Check { id: "postgres.full_page_writes", subject: "full_page_writes", promise: Promise::DecisionsStay };
const STANDBYS: Check = Check { id: "postgres.standbys", subject: "standbys", promise: Promise::DecisionsStay };
const READ_ONLY: Check =
    Check { id: "postgres.default_transaction_read_only", subject: "read-only", promise: Promise::WorkGoesOn };

const UNTOLD: &str = "can't be seen: this server does not tell it";

pub(super) async fn look(asking: &Asking<'_>, settings: &Settings) -> Vec<Finding> {
    let replica = asking.row("select pg_is_in_recovery()", &[]).await;
    let is_replica = matches!(&replica, Ok(row) if get(row, 0) == Some(true));
    let mut findings = vec![match replica {
        Err(why) => RECOVERY.not_asked(format!("can't be seen: {why}")),
        Ok(_) if is_replica => RECOVERY
            .broken("a standby: it takes no writes, so nothing is recorded and nothing is acknowledged")
            .mended("fulfil.toml", "[ledger] url = …   # the primary's"),
        Ok(_) => RECOVERY.ok("primary"),
    }];
    findings.push(commit(settings));
    findings.push(switch(FSYNC, "fsync", settings, "a crash of the machine can lose or damage what was committed"));
    findings.push(switch(PAGES, "full_page_writes", settings, "a crash of the machine can leave half-written pages"));
    if settings.value("default_transaction_read_only") == "on" {
        let line = settings.line("default_transaction_read_only", "off");
        findings.push(READ_ONLY.broken("default_transaction_read_only is on: nothing is recorded").mended(PSQL, line));
    }
    if !is_replica {
        findings.push(standbys(asking, settings).await);
    }
    findings
}

/// Of a client like any other. Workers' own sessions ask for `on` whatever is set here, and are looked at apart.
fn commit(settings: &Settings) -> Finding {
    let name = "synchronous_commit";
    match settings.value(name) {
        "off" => COMMIT
            .broken(
                "off: a crash loses what was just committed here by a person or a tool, such as keys taken out of sale \
                 (workers ask for on by themselves)",
            )
            .mended(PSQL, settings.line(name, "on")),
        "local" if !settings.value("synchronous_standby_names").is_empty() => COMMIT
            .warning(
                "local: commits of people and tools do not wait for the standby (workers ask for on by themselves)",
            )
            .mended(PSQL, settings.line(name, "on")),
        "" => COMMIT.not_asked(UNTOLD),
        value => COMMIT.ok(value),
    }
}

fn switch(check: Check, name: &str, settings: &Settings, otherwise: &str) -> Finding {
    match settings.value(name) {
        "on" => check.ok("on"),
        "" => check.not_asked(UNTOLD),
        value => check.broken(format!("{value}: {otherwise}")).mended(PSQL, settings.line(name, "on")),
    }
}

/// Who may not look sees how many there are, and not of which kind.
async fn standbys(asking: &Asking<'_>, settings: &Settings) -> Finding {
    let names = settings.value("synchronous_standby_names");
    let sql = "select count(*), count(*) filter (where sync_state in ('sync', 'quorum')), \
               count(sync_state) from pg_stat_replication";
    let counts = match asking.row(sql, &[]).await {
        Ok(row) => [get::<i64>(&row, 0), get(&row, 1), get(&row, 2)].map(Option::unwrap_or_default),
        Err(why) => return STANDBYS.not_asked(format!("can't be seen: {why}")),
    };
    match (counts, names) {
        ([0, ..], "") => STANDBYS.ok("none"),
        ([0, ..], names) => STANDBYS
            .warning(format!("none is connected, and commits wait for {names}: nothing is recorded until one is"))
            .mended(PSQL, "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf();"),
        ([all, ..], "") => STANDBYS
            .warning(format!("{all}, asynchronous: after a failover to one, sales that it had not got are forgotten"))
            .mended(PSQL, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'; SELECT pg_reload_conf();"),
        ([all, _, 0], names) => STANDBYS.ok(format!("{all}, commits wait for {names}")),
        ([all, 0, _], names) => STANDBYS
            .warning(format!("{all}, and none of them is {names}, which commits wait for"))
            .mended(PSQL, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'; SELECT pg_reload_conf();"),
        ([all, waited, _], _) => STANDBYS.ok(format!("{all}, {waited} of them waited for by every commit")),
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::examination::Grade;

    use super::*;

    #[test]
    fn what_is_not_told_is_not_taken_for_well() {
        let nothing = Settings::of(&[]);
        assert_eq!(commit(&nothing).grade, Grade::NotAsked);
        assert_eq!(switch(FSYNC, "fsync", &nothing, "").grade, Grade::NotAsked);
        assert_eq!(switch(FSYNC, "fsync", &Settings::of(&[("fsync", "off")]), "").grade, Grade::Broken);
    }
}

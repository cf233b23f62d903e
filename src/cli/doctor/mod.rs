//! `fulfil doctor`: whether the servers are as our promises need them to be, and what mends them if not.
//!
//! What holds: nothing is changed anywhere; every server is looked at, whatever the others come to; it ends by
//! itself. Each adapter knows what to look at on its own server; here it is put together and told.
//!
//! - beside the servers: `settings`, or in a data folder its key files: `key_files`
//! - as a table: `report`

mod key_files;
mod report;
mod settings;

use std::num::NonZeroUsize;

use fulfil_contract::examination::{Examination, Finding, Grade, Mend};
use serde::Serialize;

use super::{
    context::{Context, Needed},
    failure::{Exit, Failure},
    failure_of,
    output::Output,
};
use crate::compose;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many workers there are to be, all machines together; to judge Postgres's connections
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
}

/// One finding, for a program.
#[derive(Serialize)]
struct Told<'a> {
    id: &'static str,
    server: &'static str,
    place: &'a str,
    state: Grade,
    subject: &'static str,
    found: &'a str,
    promise: &'static str,
    invariants: &'static [&'static str],
    mend: &'a [Mend],
}

/// # Errors
/// [`Failure`]: 1 when a promise does not hold; 69 when none is known to be broken and something that one rests on
/// can't be seen.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let examinations = match context.data() {
        Some(folder) => {
            let mut examination = compose::examine_folder(folder).await.map_err(failure_of::folder)?;
            examination.findings.extend(key_files::look(folder));
            vec![examination]
        }
        None => {
            let config = context.config_with(&[Needed::SourceUrl, Needed::LedgerUrl, Needed::StockUrl])?;
            let mut all = Vec::from(compose::examine(config, args.workers.map(NonZeroUsize::get)).await);
            all.push(settings::look(config));
            all
        }
    };
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&examinations.iter().flat_map(told).collect::<Vec<_>>())?;
    } else {
        report::tell(&examinations, &mut output)?;
    }
    output.flush()?;
    verdict(&examinations)
}

fn told(examination: &Examination) -> impl Iterator<Item = Told<'_>> {
    examination.findings.iter().map(|Finding { check, grade, found, mend }| Told {
        id: check.id,
        server: examination.server,
        place: &examination.place,
        state: *grade,
        subject: check.subject,
        found,
        promise: check.promise.words(),
        invariants: check.promise.invariants(),
        mend,
    })
}

fn verdict(examinations: &[Examination]) -> Result<(), Failure> {
    match examinations.iter().map(Examination::grade).max() {
        None | Some(Grade::Ok | Grade::Warning) => Ok(()),
        Some(Grade::NotAsked) => {
            let asked = |examination: &&Examination| examination.grade() == Grade::NotAsked;
            let names: Vec<&str> = examinations.iter().filter(asked).map(|examination| examination.server).collect();
            let unseen = report::unseen(examinations).join("; ");
            let text = format!("{} could not be asked everything: not known is {unseen}", names.join(" and "));
            Err(Failure::new(Exit::Unavailable, text))
        }
        Some(Grade::Broken) => {
            Err(Failure::new(Exit::NotSo, "a promise does not hold here: mend what is marked as broken, and ask again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::examination::{Check, Promise};

    use super::*;

    const CHECK: Check = Check { id: "a.b", subject: "b", promise: Promise::NothingIsLost };

    fn code(findings: Vec<Finding>) -> Option<Exit> {
        let all = [
            Examination { server: "A", place: String::new(), findings },
            Examination { server: "B", place: String::new(), findings: vec![CHECK.ok("")] },
        ];
        verdict(&all).err().map(|failure| failure.exit)
    }

    #[test]
    fn each_end_has_its_code() {
        assert_eq!(code(vec![CHECK.ok(""), CHECK.warning("")]), None);
        assert_eq!(code(vec![CHECK.broken(""), CHECK.not_asked("")]), Some(Exit::NotSo));
        assert_eq!(code(vec![CHECK.not_asked("")]), Some(Exit::Unavailable));
    }

    #[test]
    fn a_finding_as_a_program_sees_it() {
        let findings = vec![CHECK.broken("no").mended("x.conf", "b yes")];
        let examination = Examination { server: "A", place: "h:1".into(), findings };
        let json = serde_json::to_string(&told(&examination).collect::<Vec<_>>()).unwrap();
        let expected = r#"[{"id":"a.b","server":"A","place":"h:1","state":"broken","subject":"b","found":"no","promise":"no order is lost","invariants":["I4"],"mend":[{"in":"x.conf","line":"b yes"}]}]"#;
        assert_eq!(json, expected);
    }
}

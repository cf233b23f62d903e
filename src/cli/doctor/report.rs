//! Findings as a person reads them: a block for each server, a line for what is well, more for what is not. Lines
//! that mend are never broken in two, so that they can be copied. At the end what all came to, and what could not be
//! looked at: that is not taken for well.

use console::Term;
use fulfil_contract::examination::{Examination, Finding, Grade, Mend, Promise};

use super::super::{
    failure::Failure,
    output::{Output, Tint},
};

/// Where stdout is no terminal.
const USUAL: usize = 100;
const NARROWEST: usize = 60;
/// Longer lines are hard to read.
const WIDEST: usize = 120;

/// # Errors
/// As [`Output::line`].
pub(super) fn tell(examinations: &[Examination], output: &mut Output) -> Result<(), Failure> {
    let width = Term::stdout().size_checked().map_or(USUAL, |(_, columns)| usize::from(columns));
    let width = width.clamp(NARROWEST, WIDEST);
    let subjects = findings(examinations).map(|finding| finding.check.subject.len()).max().unwrap_or(0);
    for examination in examinations {
        let heading = output.strong(examination.server);
        output.line(format_args!("{heading}  {}", examination.place))?;
        let mut above: &[Mend] = &[];
        for finding in &examination.findings {
            for line in lines(finding, above, subjects, width) {
                output.line(line.tinted(output))?;
            }
            above = &finding.mend;
        }
        output.line("")?;
    }
    output.line(output.strong(&summary(examinations)))?;
    unasked(examinations, width).iter().try_for_each(|line| output.line(line))
}

fn findings(examinations: &[Examination]) -> impl Iterator<Item = &Finding> {
    examinations.iter().flat_map(|examination| &examination.findings)
}

/// What begins it is in the colour of the finding's state.
struct Line {
    state: Option<Grade>,
    text: String,
}

impl Line {
    fn tinted(&self, output: &Output) -> String {
        let Some(state) = self.state else { return self.text.clone() };
        let word = format!("{:9}", word(state));
        format!("  {}{}", output.tinted(&word, tint(state)), self.text)
    }
}

fn word(state: Grade) -> &'static str {
    match state {
        Grade::Ok => "ok",
        Grade::Warning => "warning",
        Grade::NotAsked => "not asked",
        Grade::Broken => "BROKEN",
    }
}

fn tint(state: Grade) -> Tint {
    match state {
        Grade::Ok => Tint::Green,
        Grade::Warning | Grade::NotAsked => Tint::Yellow,
        Grade::Broken => Tint::Red,
    }
}

/// `above`: what mends the finding before this one.
fn lines(finding: &Finding, above: &[Mend], subjects: usize, width: usize) -> Vec<Line> {
    // Two spaces before and between the columns.
    let column = 2 + 9 + 2 + subjects + 2;
    let mut texts = wrapped(&finding.found, width.saturating_sub(column)).into_iter();
    let first = texts.next().unwrap_or_default();
    let subject = finding.check.subject;
    let text = format!("  {subject:subjects$}  {first}");
    let mut lines = vec![Line { state: Some(finding.grade), text: text.trim_end().to_owned() }];
    let mut more = |text: String| lines.push(Line { state: None, text });
    texts.for_each(|text| more(format!("{:column$}{text}", "")));
    if finding.grade != Grade::Ok {
        let rests = format!("rests on it: {}", promised(finding.check.promise));
        wrapped(&rests, width.saturating_sub(column))
            .into_iter()
            .for_each(|text| more(format!("{:column$}{text}", "")));
    }
    match finding.mend.as_slice() {
        [] => {}
        same if same == above => more(format!("{:13}mend: as above", "")),
        mends => mends.iter().for_each(|mend| more(format!("{:13}{}", "", line_of(mend)))),
    }
    lines
}

fn line_of(mend: &Mend) -> String {
    format!("mend ({}):  {}", mend.place, mend.line)
}

fn promised(promise: Promise) -> String {
    match promise.invariants() {
        [] => promise.words().to_owned(),
        numbers => format!("{} ({})", promise.words(), numbers.join(", ")),
    }
}

/// At spaces, into lines of at most `width` characters where there is a space to break at.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The promises of which something could not be looked at, in the order of the findings.
pub(super) fn unseen(examinations: &[Examination]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for examination in examinations {
        let unasked = |finding: &&Finding| finding.grade == Grade::NotAsked;
        let promises: Vec<String> = match examination.findings.iter().all(|finding| unasked(&finding)) {
            true => vec![format!("anything that rests on {}", examination.server)],
            false => examination.findings.iter().filter(unasked).map(|one| promised(one.check.promise)).collect(),
        };
        for promise in promises {
            if !all.contains(&promise) {
                all.push(promise);
            }
        }
    }
    all
}

/// What could not be looked at, and the lines after which it can.
fn unasked(examinations: &[Examination], width: usize) -> Vec<String> {
    let promises = unseen(examinations);
    if promises.is_empty() {
        return Vec::new();
    }
    let mut lines = wrapped(&format!("could not be looked at: {}", promises.join("; ")), width);
    for finding in findings(examinations).filter(|finding| finding.grade == Grade::NotAsked) {
        for line in finding.mend.iter().map(|mend| format!("  {}", line_of(mend))) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn summary(examinations: &[Examination]) -> String {
    let count = |grade| findings(examinations).filter(|finding| finding.grade == grade).count();
    let [ok, warnings, unasked, broken] = [Grade::Ok, Grade::Warning, Grade::NotAsked, Grade::Broken].map(count);
    let mut parts = vec![match broken {
        0 if unasked == 0 && warnings == 0 => "every promise holds".to_owned(),
        0 if unasked == 0 => "nothing is broken".to_owned(),
        0 => "nothing is known to be broken".to_owned(),
        broken => format!("not every promise holds: {broken} broken"),
    }];
    match warnings {
        0 => {}
        1 => parts.push("1 warning".into()),
        many => parts.push(format!("{many} warnings")),
    }
    if unasked > 0 {
        parts.push(format!("{unasked} not asked"));
    }
    parts.push(format!("{ok} ok"));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use fulfil_contract::examination::Check;

    use super::*;

    const CHECK: Check = Check { id: "a.b", subject: "appendonly", promise: Promise::ResultsArrive };

    fn plain(finding: &Finding, width: usize) -> Vec<String> {
        let word = |state: Option<Grade>| state.map_or(String::new(), |state| format!("  {:9}", word(state)));
        lines(finding, &[], 12, width).iter().map(|line| format!("{}{}", word(line.state), line.text)).collect()
    }

    #[test]
    fn what_is_well_is_a_line_and_what_is_not_says_more() {
        assert_eq!(plain(&CHECK.ok("yes"), 80), ["  ok         appendonly    yes"]);
        let broken = CHECK.broken("no: every restart empties the stock").mended("redis.conf", "appendonly yes");
        let expected = [
            "  BROKEN     appendonly    no: every restart empties",
            "                           the stock",
            "                           rests on it: every result",
            "                           reaches the platform (I4)",
            "             mend (redis.conf):  appendonly yes",
        ];
        assert_eq!(plain(&broken, 55), expected);
    }

    #[test]
    fn the_same_line_is_not_told_twice_in_a_row() {
        let finding = CHECK.not_asked("no").mended("redis-cli", "ACL SETUSER shop +info");
        let last = |above: &[Mend]| lines(&finding, above, 12, 80).pop().map(|line| line.text.trim().to_owned());
        assert_eq!(last(&[]).as_deref(), Some("mend (redis-cli):  ACL SETUSER shop +info"));
        assert_eq!(last(&finding.mend).as_deref(), Some("mend: as above"));
    }

    #[test]
    fn what_could_not_be_looked_at_comes_last() {
        const OTHER: Check = Check { id: "a.c", subject: "queues", promise: Promise::NothingIsLost };
        let of = |server, findings| Examination { server, place: String::new(), findings };
        let refused = |check: Check| check.not_asked("no").mended("shell", "permit");
        let all = [
            of("A", vec![CHECK.ok(""), refused(CHECK), refused(OTHER), refused(OTHER)]),
            of("B", vec![CHECK.not_asked("gone").mended("shell", "start")]),
            of("C", vec![OTHER.warning("").mended("shell", "other")]),
        ];
        let expected = [
            "could not be looked at: every result reaches the platform (I4); no order is",
            "lost (I4); anything that rests on B",
            "  mend (shell):  permit",
            "  mend (shell):  start",
        ];
        assert_eq!(unasked(&all, 78), expected);
        assert_eq!(unasked(&all[2..], 78), Vec::<String>::new());
    }

    #[test]
    fn the_summary_counts() {
        let of = |findings| summary(&[Examination { server: "A", place: String::new(), findings }]);
        assert_eq!(of(vec![CHECK.ok(""), CHECK.ok("")]), "every promise holds, 2 ok");
        assert_eq!(of(vec![CHECK.ok(""), CHECK.warning("")]), "nothing is broken, 1 warning, 1 ok");
        assert_eq!(
            of(vec![CHECK.warning(""), CHECK.not_asked("")]),
            "nothing is known to be broken, 1 warning, 1 not asked, 0 ok"
        );
        assert_eq!(
            of(vec![CHECK.broken(""), CHECK.broken(""), CHECK.ok("")]),
            "not every promise holds: 2 broken, 1 ok"
        );
    }
}

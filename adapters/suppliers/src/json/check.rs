//! What in the settings does not fit together. All of it at once.

use fulfil_contract::supplier::RefusalCode;
use serde_json::Value;

use super::{
    outcomes::{Outcome, Rule},
    request::Request,
    settings::{OrderAnswer, Settings},
    template::{Template, is_name},
    values::{ALWAYS, PRODUCT, PURCHASE, RECHARGE, SIGNED, SOUGHT},
};
use crate::settings::{Mistake, hint};

pub(super) fn mistakes(settings: &Settings) -> Vec<Mistake> {
    let mut all = Mistakes { settings, found: Vec::new() };
    all.own_names();
    all.promises();
    let recharge: Vec<&str> = PURCHASE.into_iter().chain(RECHARGE).collect();
    for (name, call, allowed) in [
        ("buy", &settings.buy, PURCHASE.as_slice()),
        ("recharge", &settings.recharge, &recharge),
        ("query", &settings.query, &SOUGHT),
    ] {
        if let Some(call) = call {
            all.request(name, &call.request, allowed);
            all.answer(name, &call.answer);
        }
    }
    if let Some(call) = &settings.offer {
        all.request("offer", &call.request, &PRODUCT);
        if call.list.is_some() != call.entry.is_some() {
            all.add("offer.list", "allowed is list together with entry, which finds the product in it, or neither");
        }
        if let Some(entry) = &call.entry {
            all.names("offer.entry.is", &entry.is, &PRODUCT);
        }
    }
    if let Some(call) = &settings.balance {
        all.request("balance", &call.request, &[]);
    }
    if let Some(callback) = &settings.callback {
        let allowed: Vec<&str> = SIGNED.into_iter().chain(["timestamp"]).collect();
        all.names("callback.text", &callback.text, &allowed);
    }
    all.found
}

struct Mistakes<'a> {
    settings: &'a Settings,
    found: Vec<Mistake>,
}

impl<'a> Mistakes<'a> {
    fn add(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.found.push(Mistake::new(path, problem));
    }

    fn own_names(&mut self) {
        let builtin: Vec<&str> =
            ALWAYS.into_iter().chain(PURCHASE).chain(RECHARGE).chain(SOUGHT).chain(PRODUCT).chain(SIGNED).collect();
        let values = self.settings.values.keys().map(|name| ("values", name));
        for (table, name) in values.chain(self.settings.secrets.keys().map(|name| ("secrets", name))) {
            let path = format!("{table}.{name}");
            if builtin.contains(&name.as_str()) {
                self.add(path, "this name has a meaning already; allowed is any other");
            } else if !is_name(name) {
                self.add(path, "allowed is a name of a-z, 0-9 and _ that starts with a letter");
            } else if table == "secrets" && self.settings.values.contains_key(name) {
                self.add(path, "stands in values as well; leave one of them");
            }
        }
    }

    fn promises(&mut self) {
        let Settings { promises, buy, recharge, query, .. } = self.settings;
        if buy.is_none() && recharge.is_none() {
            self.add("buy", "is missing; allowed are buy, recharge or both: how something is bought");
        }
        if !(1..=1000).contains(&promises.most) {
            self.add("promises.most", format!("found {}, allowed is 1 to 1000", promises.most));
        }
        let by_reference = query.as_ref().is_some_and(|query| query.request.uses("reference"));
        if promises.query && !by_reference {
            self.add("promises.query", "found true, allowed only with a query whose request holds {reference}");
        }
        for (name, call) in [("buy", buy), ("recharge", recharge)] {
            if call.as_ref().is_some_and(|call| !call.request.uses("reference")) {
                self.add(
                    format!("{name}.request"),
                    "does not hold {reference}: an order that they do not know by it can't be found again",
                );
            }
        }
    }

    fn request(&mut self, name: &str, request: &'a Request, allowed: &[&str]) {
        let path = format!("{name}.request");
        for (at, template) in request.templates() {
            self.names(&format!("{path}.{at}"), template, allowed);
        }
        if !request.path.source().starts_with('/') || request.path.source().contains(['?', '#']) {
            self.add(format!("{path}.path"), "allowed is a path that starts with /; parameters stand in query");
        }
        if request.json.is_some() && request.form.is_some() {
            self.add(&path, "allowed is one of json and form");
        }
        if let Some(json) = &request.json {
            let sample = json.json(|_| Some("1"));
            match serde_json::from_str(&sample) {
                Ok(Value::Object(_)) => {}
                Ok(_) => self.add(format!("{path}.json"), "allowed is an object: {…}"),
                Err(error) => {
                    let column = format!("column {} of line {}", error.column(), error.line());
                    self.add(
                        format!("{path}.json"),
                        format!("is no JSON once its placeholders are filled, at {column} then"),
                    );
                }
            }
        }
        if let Some(signing) = &self.settings.signing {
            let both: Vec<&str> = allowed.iter().copied().chain(SIGNED).collect();
            self.names(&format!("signing.text (for {name})"), &signing.text, &both);
        }
    }

    fn answer(&mut self, name: &str, answer: &OrderAnswer) {
        let path = format!("{name}.answer");
        if let Some(problem) = answer.keys.as_ref().and_then(super::keys::KeysFrom::mistake) {
            self.add(format!("{path}.keys"), problem);
        }
        if answer.list.is_some() && answer.reference.is_none() {
            self.add(format!("{path}.list"), "needs answer.reference: which of the entries is ours");
        }
        if answer.outcomes.is_empty() {
            self.add(format!("{path}.outcomes"), "is empty: everything would be unknown");
        }
        for (at, rule) in answer.outcomes.iter().enumerate() {
            if let Some(problem) = rule_mistake(name, answer, rule) {
                self.add(format!("{path}.outcomes.{at}"), problem);
            }
        }
    }

    fn names(&mut self, path: &str, template: &'a Template, allowed: &[&str]) {
        let own = self.settings.values.keys().chain(self.settings.secrets.keys()).map(String::as_str);
        let known: Vec<&str> = allowed.iter().copied().chain(ALWAYS).chain(own).collect();
        for name in template.names().filter(|name| !known.contains(name)) {
            let all: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
            let near = hint(name, known.iter().copied());
            self.found.push(Mistake::new(path, format!("found {{{name}}}, allowed here: {}{near}", all.join(" "))));
        }
    }
}

fn rule_mistake(name: &str, answer: &OrderAnswer, rule: &Rule) -> Option<&'static str> {
    let (asked, bought) = (name == "query", name == "buy");
    match rule.outcome {
        Outcome::NotFound if !asked => Some("not_found belongs to query: a purchase is never not found"),
        Outcome::Refused(RefusalCode::Throttled(_) | RefusalCode::Credentials) if asked => {
            Some("says nothing about the purchase that is asked for: leave the line out, and it is unknown")
        }
        Outcome::Delivered if bought && answer.keys.is_none() => {
            Some("delivered without keys; allowed with answer.keys, or accepted, and query tells the keys")
        }
        _ if rule.status.is_some() && answer.status.0.is_empty() => {
            Some("asks for a status; answer.status must say where it stands")
        }
        _ if rule.says.is_some() && answer.message.is_none() => {
            Some("asks for a message; answer.message must say where it stands")
        }
        Outcome::Delivered | Outcome::Accepted | Outcome::NotFound | Outcome::Unknown | Outcome::Refused(_) => None,
    }
}

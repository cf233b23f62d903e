//! Callbacks: who sent one, when, and about which order.

use std::collections::BTreeMap;

use fulfil_contract::{
    attempt::Reference,
    ports::supplier::CallbackRefused,
    supplier::{About, Callback, Hint},
};
use serde_json::Value;

use super::{
    request::parameters,
    settings::{Algorithm, CallbackOf, Pointer},
    signing::{Making, Signed},
    values::Values,
};
use crate::{
    digest::equal,
    secret::Secret,
    settings::Mistake,
    wire::{form, query_pairs},
};

/// Their clock may be ahead of ours.
const MOST_AHEAD: i64 = 60;

/// Reads callbacks.
#[derive(Debug)]
pub(super) struct Reader {
    place: Place,
    making: Making,
    path: Option<String>,
    time: Option<Time>,
    max_age_s: u32,
    reference: Option<Pointer>,
    their_id: Option<Pointer>,
    /// Made once per configured supplier, and kept as long as the process lives.
    reply: Option<&'static str>,
}

#[derive(Debug)]
enum Place {
    Header(String),
    Parameter(String),
    Field(Pointer),
}

#[derive(Debug)]
enum Time {
    Header(String),
    Field(Pointer),
}

impl Reader {
    /// # Errors
    /// What does not fit together.
    pub(super) fn new(settings: &CallbackOf, secrets: &BTreeMap<String, Secret>) -> Result<Self, Mistake> {
        let at = |at: &str, problem: String| Mistake::new(format!("callback.{at}"), problem);
        if settings.algorithm == Algorithm::RsaSha256 {
            return Err(at(
                "algorithm",
                "found rsa_sha256, which is made for requests alone; allowed are the others".into(),
            ));
        }
        let making =
            Making::new(settings.algorithm, settings.key.as_deref(), &settings.text, settings.encoding, secrets)
                .map_err(|(key, problem)| at(key, problem))?;
        let place = match (&settings.header, &settings.parameter, &settings.field) {
            (Some(name), None, None) => Place::Header(name.to_lowercase()),
            (None, Some(name), None) => Place::Parameter(name.clone()),
            (None, None, Some(pointer)) => Place::Field(pointer.clone()),
            _ => {
                return Err(Mistake::new(
                    "callback",
                    "allowed is exactly one of header, parameter, field: where the signature stands",
                ));
            }
        };
        let time = match (&settings.time_header, &settings.time_field) {
            (Some(name), None) => Some(Time::Header(name.to_lowercase())),
            (None, Some(pointer)) => Some(Time::Field(pointer.clone())),
            (None, None) => None,
            (Some(_), Some(_)) => return Err(at("time_header", "allowed is one of time_header and time_field".into())),
        };
        if settings.reference.is_none() && settings.their_id.is_none() {
            return Err(at(
                "reference",
                "is missing; allowed are reference, their_id or both: whose callback it is".into(),
            ));
        }
        Ok(Self {
            place,
            making,
            path: settings.path.clone(),
            time,
            max_age_s: settings.max_age_s,
            reference: settings.reference.clone(),
            their_id: settings.their_id.clone(),
            reply: settings.reply.clone().map(|text| &*text.leak()),
        })
    }

    /// # Errors
    /// [`CallbackRefused`].
    pub(super) fn read(&self, callback: Callback<'_>, values: Values<'_>) -> Result<Hint, CallbackRefused> {
        let unreadable = |what: &str| CallbackRefused::Unreadable(what.into());
        let header =
            |name: &str| callback.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let (path, query) = callback.path.split_once('?').unwrap_or((callback.path, ""));
        let text = std::str::from_utf8(callback.body).map_err(|_| unreadable("no UTF-8 text"))?;
        let query = query_pairs(query);
        let json: Option<Value> = serde_json::from_str(text).ok();
        // What is no JSON is taken as a form; its fields are read as if they were an object's.
        let fields = if json.is_some() { Vec::new() } else { query_pairs(text) };
        let body = json.unwrap_or_else(|| {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
        });

        let told = match &self.place {
            Place::Header(name) => header(name),
            Place::Parameter(name) => query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
            Place::Field(pointer) => pointer.text(&body),
        };
        let told = told.filter(|told| !told.is_empty()).ok_or(CallbackRefused::Signature)?;
        let time = match &self.time {
            None => None,
            Some(Time::Header(name)) => Some(header(name).ok_or_else(|| unreadable("no time"))?),
            Some(Time::Field(pointer)) => Some(pointer.text(&body).ok_or_else(|| unreadable("no time"))?),
        };
        // The signature is not a part of what it signs.
        let mut signed_parameters = parameters(&query, Some(&fields), fields.is_empty().then_some(text));
        match &self.place {
            Place::Header(_) => {}
            Place::Parameter(name) => signed_parameters.retain(|(known, _)| known != name),
            Place::Field(pointer) => {
                signed_parameters.retain(|(known, _)| Some(known.as_str()) != pointer.0.strip_prefix('/'))
            }
        }
        let signed = Signed {
            method: "POST",
            path: self.path.clone().unwrap_or_else(|| path.to_owned()),
            query: form(&query),
            body: text.to_owned(),
            parameters: signed_parameters,
        };
        let values = values.with("timestamp", time.clone().unwrap_or_default());
        let right = self.making.signature(&signed, &values);
        if !equal(right.as_bytes(), told.as_bytes()) {
            return Err(CallbackRefused::Signature);
        }
        if let Some(time) = time {
            self.check_age(&time, callback.now.0 / 1_000_000)?;
        }
        self.hint(&body, told)
    }

    fn check_age(&self, time: &str, now: i64) -> Result<(), CallbackRefused> {
        let sent: i64 = time.parse().map_err(|_| CallbackRefused::Unreadable("a time that is no number".into()))?;
        // With 13 digits milliseconds.
        let age = now - if time.len() >= 13 { sent / 1000 } else { sent };
        if age > i64::from(self.max_age_s) || age < -MOST_AHEAD { Err(CallbackRefused::Age(age)) } else { Ok(()) }
    }

    fn hint(&self, body: &Value, nonce: String) -> Result<Hint, CallbackRefused> {
        let text = |pointer: &Option<Pointer>| pointer.as_ref().and_then(|pointer| pointer.text(body));
        let reference = text(&self.reference).as_deref().and_then(Reference::parse).map(About::Reference);
        let about = reference.or_else(|| text(&self.their_id).and_then(About::their_id));
        let about = about.ok_or_else(|| CallbackRefused::Unreadable("no order of ours".into()))?;
        Ok(Hint { about, nonce, reply: self.reply })
    }
}

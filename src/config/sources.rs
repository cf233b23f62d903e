//! Where values come from. Everything is given, so that a test needs neither variables nor folders of its
//! process; [`Sources::of_process`] gives what the process has.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use super::{
    error::{ConfigError, Problem},
    file_lookup,
    place::Place,
};

/// A file, variables and flags, not yet understood.
#[derive(Default)]
pub struct Sources {
    pub(super) file: Option<ConfigFile>,
    /// Only those whose names begin with `FULFIL_`.
    pub(super) environment: BTreeMap<String, String>,
    pub(super) flags: Vec<Flag>,
    /// What went wrong while they were gathered; reported with everything else.
    pub(super) errors: Vec<ConfigError>,
}

pub(super) struct ConfigFile {
    /// As errors name it.
    pub(super) name: String,
    pub(super) text: String,
}

pub(super) struct Flag {
    pub(super) flag: String,
    pub(super) key: String,
    pub(super) value: String,
}

impl Sources {
    /// What the process was started with: its variables, and the file that `config_flag`, `FULFIL_CONFIG`
    /// or the working folder (`fulfil.toml`) names, in this order. An unreadable file is reported by the
    /// load.
    #[must_use]
    pub fn of_process(config_flag: Option<&Path>) -> Self {
        Self::gather(config_flag, std::env::vars_os(), Path::new(""))
    }

    /// As [`Sources::of_process`], from the variables given, looking for `fulfil.toml` in `folder`.
    #[must_use]
    pub fn gather(
        config_flag: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        folder: &Path,
    ) -> Self {
        let mut sources = Self::default();
        let mut named: Option<PathBuf> = None;
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with("FULFIL_")) else {
                continue;
            };
            if name == file_lookup::VARIABLE {
                named = Some(value.into());
                continue;
            }
            match value.into_string() {
                Ok(value) => sources = sources.with_variable(name, &value),
                Err(_) => {
                    let place = Place::Variable(name.into());
                    sources.errors.push(ConfigError::new(place, Problem::NotText));
                }
            }
        }
        match file_lookup::find(config_flag, named.as_deref(), folder) {
            Ok(file) => sources.file = file,
            Err(error) => sources.errors.push(error),
        }
        sources
    }

    /// The file's name as errors shall give it, and its text.
    #[must_use]
    pub fn with_file(mut self, name: &str, text: &str) -> Self {
        self.file = Some(ConfigFile { name: name.into(), text: text.into() });
        self
    }

    /// A variable; one whose name does not begin with `FULFIL_` is none of ours.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        if name.starts_with("FULFIL_") && name != file_lookup::VARIABLE {
            self.environment.insert(name.into(), value.into());
        }
        self
    }

    /// An argument of the command line that sets a key: `--lanes`, `source.lanes`, its value.
    #[must_use]
    pub fn with_flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        self.flags.push(Flag { flag: flag.into(), key: key.into(), value: value.into() });
        self
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags: Vec<&str> = self.flags.iter().map(|flag| flag.flag.as_str()).collect();
        f.debug_struct("Sources")
            .field("file", &self.file.as_ref().map(|file| &file.name))
            .field("variables", &self.environment.keys())
            .field("flags", &flags)
            .finish_non_exhaustive()
    }
}

//! Which file is read: `--config FILE`, else the one that `FULFIL_CONFIG` names, else `fulfil.toml` in the
//! working folder if there is one, else none.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{
    error::{ConfigError, Problem},
    kind::quote,
    place::Place,
    sources::ConfigFile,
};

/// The variable that names the file.
pub(super) const VARIABLE: &str = "FULFIL_CONFIG";

/// The file that is taken where none is named.
pub(super) const DEFAULT_NAME: &str = "fulfil.toml";

/// Tens of thousands of routes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn find(
    flag: Option<&Path>,
    variable: Option<&Path>,
    folder: &Path,
) -> Result<Option<ConfigFile>, ConfigError> {
    if let Some(path) = flag {
        return required(path, Place::Flag("--config".into())).map(Some);
    }
    if let Some(path) = variable {
        return required(path, Place::Variable(VARIABLE.into())).map(Some);
    }
    match read(&folder.join(DEFAULT_NAME)) {
        Ok(text) => Ok(Some(ConfigFile { name: DEFAULT_NAME.into(), text })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError { place: None, problem: unreadable(DEFAULT_NAME, &error).into() }),
    }
}

fn required(path: &Path, place: Place) -> Result<ConfigFile, ConfigError> {
    let name = path.display().to_string();
    match read(path) {
        Ok(text) => Ok(ConfigFile { name, text }),
        Err(error) => Err(ConfigError::new(place, unreadable(&name, &error))),
    }
}

fn unreadable(name: &str, error: &io::Error) -> Problem {
    Problem::File { file: quote(name), reason: error.to_string() }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it is longer than 4 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|&&byte| byte == b'\n').count() + 1;
        io::Error::other(format!("line {line} is not UTF-8 text"))
    })
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt};

    use super::*;
    use crate::config::{Config, Sources};

    fn words(sources: Sources) -> Vec<String> {
        let errors = Config::load(sources).unwrap_err().0;
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_file_is_looked_for_where_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let variable = |value: &Path| vec![(OsString::from("FULFIL_CONFIG"), value.as_os_str().to_owned())];
        let lanes = |sources| Config::load(sources).unwrap().source.lanes;

        assert_eq!(lanes(Sources::gather(None, [], folder.path())), 4, "none is fine");
        fs::write(path("fulfil.toml"), "[source]\nlanes = 5").unwrap();
        assert_eq!(lanes(Sources::gather(None, [], folder.path())), 5);
        fs::write(path("variable.toml"), "[source]\nlanes = 6").unwrap();
        assert_eq!(lanes(Sources::gather(None, variable(&path("variable.toml")), folder.path())), 6);
        fs::write(path("flag.toml"), "[source]\nlanes = 7").unwrap();
        let sources = Sources::gather(Some(&path("flag.toml")), variable(&path("variable.toml")), folder.path());
        assert_eq!(lanes(sources), 7);
    }

    #[test]
    fn an_unreadable_file_is_reported_with_everything_else() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Path::new("/no/such.toml");
        let variables = vec![(OsString::from("FULFIL_SOURCE__LANES"), OsString::from("0"))];
        let lines = words(Sources::gather(Some(missing), variables, folder.path()));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("FULFIL_SOURCE__LANES: "), "{lines:?}");
        assert_eq!(
            lines[1],
            "--config: the configuration file \"/no/such.toml\" can't be read: No such file or directory (os error 2); make it readable or name another (config/minimal.toml is a start)"
        );

        let variables = vec![(OsString::from("FULFIL_CONFIG"), OsString::from("/no/such.toml"))];
        let lines = words(Sources::gather(None, variables, folder.path()));
        assert!(lines[0].starts_with("FULFIL_CONFIG: the configuration file"), "{lines:?}");

        fs::write(folder.path().join("fulfil.toml"), b"# \n[log]\nlevel = \"\xff\"").unwrap();
        let lines = words(Sources::gather(None, [], folder.path()));
        assert_eq!(
            lines,
            [
                "the configuration file \"fulfil.toml\" can't be read: line 3 is not UTF-8 text; make it readable or name another (config/minimal.toml is a start)"
            ]
        );
        fs::write(folder.path().join("fulfil.toml"), "#".repeat(4 * 1024 * 1024 + 1)).unwrap();
        assert!(words(Sources::gather(None, [], folder.path()))[0].contains("it is longer than 4 MiB"));
    }

    #[test]
    fn a_variable_that_is_no_text_is_reported() {
        let variables = vec![(OsString::from("FULFIL_LOG__LEVEL"), OsString::from_vec(vec![0xff]))];
        let sources = Sources::gather(None, variables, Path::new("/no/such/folder"));
        assert_eq!(words(sources), ["FULFIL_LOG__LEVEL: is not UTF-8 text; set it again or unset it"]);
    }
}

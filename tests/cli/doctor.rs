//! `fulfil doctor` over a data folder, and without any server.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::Value;

use crate::{NOWHERE, assert_exit, json_of, run, shop::fulfil, shop::told, shop_with_orders, stderr, stdout};

/// The findings that are not ok, `id state`; where the folder lies and how full its disk is belongs to the machine.
fn bad(folder: &Path, code: i32) -> Vec<String> {
    let output = run(folder, &["doctor", "--data", "data", "--format", "json"]);
    assert_exit(&output, code);
    let findings = json_of(&output);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let bad = findings.as_array().unwrap().iter().filter(|finding| finding["state"] != "ok");
    bad.map(|finding| format!("{} {}", text(finding, "id"), text(finding, "state")))
        .filter(|bad| !bad.starts_with("sqlite.space") && !bad.starts_with("sqlite.file_system"))
        .collect()
}

#[test]
fn a_data_folder_is_well_and_each_thing_that_is_not_is_told() {
    let folder = tempfile::tempdir().unwrap();
    shop_with_orders(folder.path());
    let at = |name: &str| folder.path().join("data").join(name);
    let mode = |name: &str, mode: u32| fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    assert_eq!(bad(folder.path(), 0), Vec::<String>::new());

    mode("private-key", 0o644);
    mode("fingerprint-secret", 0o640);
    mode("", 0o755);
    let expected = ["sqlite.permissions warning", "sqlite.private_key broken", "sqlite.fingerprint_secret broken"];
    assert_eq!(bad(folder.path(), 1), expected);
    let output = run(folder.path(), &["doctor", "--data", "data"]);
    for part in [
        "  mend (shell):  chmod 600 data/private-key\n",
        "chmod 700 data",
        "BROKEN",
        "not every promise holds: 2 broken, ",
    ] {
        assert!(stdout(&output).contains(part), "{}", told(&output));
    }
    assert!(stderr(&output).contains("mend what is marked"), "{}", told(&output));
    mode("private-key", 0o600);
    mode("fingerprint-secret", 0o600);
    mode("", 0o777);
    assert_eq!(bad(folder.path(), 1), ["sqlite.permissions broken"]);
    mode("", 0o700);

    let secret = fs::read(at("fingerprint-secret")).unwrap();
    fs::remove_file(at("fingerprint-secret")).unwrap();
    assert_eq!(bad(folder.path(), 1), ["sqlite.fingerprint_secret broken"]);
    fs::write(at("fingerprint-secret"), secret).unwrap();
    mode("fingerprint-secret", 0o600);
}

#[test]
fn a_damaged_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    shop_with_orders(folder.path());
    let mut file = OpenOptions::new().read(true).write(true).open(folder.path().join("data/fulfil.db")).unwrap();
    let length = file.metadata().unwrap().len();
    // What says which tables there are stays.
    for page in length / 4096 * 7 / 8..length / 4096 {
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xEE; 64]).unwrap();
    }
    drop(file);
    let bad = bad(folder.path(), 1);
    assert!(bad.contains(&"sqlite.integrity broken".to_owned()), "{bad:?}");
}

#[test]
fn without_servers_all_are_tried_and_none_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    assert_exit(&run(folder.path(), &["doctor"]), 78);
    assert_exit(&run(folder.path(), &["doctor", "--data", "nowhere"]), 66);
    let output = fulfil().current_dir(folder.path()).args(["doctor"]).envs(NOWHERE).output().unwrap();
    assert_exit(&output, 69);
    assert_eq!(stdout(&output).matches("not asked  reachable").count(), 3, "{}", told(&output));
    assert!(stderr(&output).contains("RabbitMQ and Redis and Postgres could not be asked"), "{}", told(&output));
    assert!(!told(&output).contains("geheim"), "{}", told(&output));
}

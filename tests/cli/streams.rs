//! Readers that go away.

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
};

use crate::{
    assert_exit,
    shop::{fulfil, order, told, write},
    stderr,
};

/// `| head -1`: the reader has gone before the writer ends.
#[test]
fn a_reader_that_goes_away_ends_nothing_badly() {
    let folder = tempfile::tempdir().unwrap();
    let orders: Vec<String> = (0..3000).map(|n| order(&format!("o-{n}"), "red", 0)).collect();
    write(folder.path(), "orders.jsonl", &orders.join("\n"));
    let mut command = fulfil();
    command.current_dir(folder.path()).args(["order", "check", "orders.jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", told(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", told(&output));

    // Nobody reads either of them.
    for args in [&["order", "check", "orders.jsonl"][..], &["order", "check", "nowhere"], &["--help"], &["sell"]] {
        let mut command = fulfil();
        command.current_dir(folder.path()).args(args);
        let status = closed(&mut command);
        assert!(matches!(status, Some(0 | 64 | 65 | 66)), "{args:?}: {status:?}");
    }
    // A full disk is no such thing.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output =
        fulfil().current_dir(folder.path()).args(["order", "check", "orders.jsonl"]).stdout(full).output().unwrap();
    assert_exit(&output, 73);
    assert!(stderr(&output).contains("the output can't be written: No space left"), "{}", told(&output));
}

/// Runs with pipes that nobody reads.
fn closed(command: &mut Command) -> Option<i32> {
    let (out_reader, out) = std::io::pipe().unwrap();
    let (err_reader, err) = std::io::pipe().unwrap();
    drop((out_reader, err_reader));
    command.stdout(out).stderr(err).status().unwrap().code()
}

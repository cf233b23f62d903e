//! The program `doubles`: announces what it runs, serves it, and ends when asked to.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::client::{get, send};

/// Killed at the end, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start(arguments: &[&str], count: usize) -> (Running, Vec<Value>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doubles")).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = Running(child);
    let announced = lines.take(count).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    (running, announced)
}

fn signal(running: &Running, name: &str) {
    let status = Command::new("kill").args([name, &running.0.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn ends_well(mut running: Running) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = running.0.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        assert!(Instant::now() < until, "it does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn all_of_them_until_sigterm() {
    let (running, announced) = start(&[], 5);
    let protocols: Vec<_> = announced.iter().map(|line| line["protocol"].as_str().unwrap()).collect();
    assert_eq!(protocols, ["kasushou", "acg_faka", "kinguin", "reloadly", "dujiao"]);
    for line in &announced {
        let log = get(line["log"].as_str().unwrap());
        assert_eq!(log["purchases"], serde_json::json!([]));
        assert!(line["base_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    }
    signal(&running, "-TERM");
    ends_well(running);
}

#[test]
fn a_mood_from_a_file_and_flags_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mood, products) = (folder.path().join("mood.json"), folder.path().join("products.json"));
    fs::write(&mood, r#"{"seed": 9, "too_few": 0.5, "lost_after": 0.1}"#).unwrap();
    fs::write(&products, r#"[{"id": "77", "goods": "keys", "unit_price": 5, "stock": 6, "on_sale": true}]"#).unwrap();
    let arguments = [
        "kinguin",
        "dujiao",
        "--mood",
        mood.to_str().unwrap(),
        "--products",
        products.to_str().unwrap(),
        "--lost-after",
        "0.25",
    ];
    let (running, announced) = start(&arguments, 2);
    let origin = announced[1]["log"].as_str().unwrap().trim_end_matches("/double/log").to_owned();
    let now = get(&format!("{origin}/double/mood"));
    assert_eq!((&now["seed"], &now["too_few"], &now["lost_after"]), (&9.into(), &0.5.into(), &0.25.into()));
    let shelf = get(&format!("{origin}/double/shelf"));
    assert!(shelf.as_array().unwrap().iter().any(|product| product["id"] == "77" && product["stock"] == 6));
    let put = br#"{"id": "77", "goods": "keys", "unit_price": 5, "stock": 0, "on_sale": true}"#;
    assert_eq!(send("POST", &format!("{origin}/double/shelf"), &[], put).answer().status, 200);
    assert_eq!(send("POST", &format!("{origin}/double/balance"), &[], br#"{"minor": 5}"#).answer().status, 200);
    assert_eq!(get(&format!("{origin}/double/log"))["balance"], 5);
    assert_eq!(send("GET", &format!("{origin}/double/nothing"), &[], b"").answer().status, 404);
    signal(&running, "-INT");
    ends_well(running);
}

#[test]
fn the_moods_that_are_here_can_be_used() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/moods");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let mood: supplier_doubles::Mood = serde_json::from_str(&text).unwrap();
        mood.check().unwrap();
        assert_ne!(mood, supplier_doubles::Mood::default());
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn what_it_does_not_know_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mood = folder.path().join("mood.json");
    fs::write(&mood, r#"{"lost_aftr": 0.1}"#).unwrap();
    for (arguments, named) in [
        (vec!["steam"], "kasushou, acg_faka"),
        (vec!["kinguin:x"], "port"),
        (vec!["kinguin", "--mood", "/nowhere/mood.json"], "/nowhere/mood.json"),
        (vec!["kinguin", "--mood", mood.to_str().unwrap()], "lost_aftr"),
        (vec!["kinguin", "--lost-after", "1.5"], "lost_*"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_doubles")).args(&arguments).output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

//! Decisions that can't be taken: each with its exit code, and nothing is changed by it.

use crate::{reviews::with_a_lost_answer, stand::Stand};

/// Resolves with these arguments; gives what it said.
async fn said(stand: &Stand, code: i32, args: &[&str]) -> String {
    let output = stand.run(code, &[&["review", "resolve"], args].concat()).await;
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_decision_that_does_not_fit_changes_nothing() {
    let stand = with_a_lost_answer(&[]).await;
    let before = (stand.review().await, stand.order("o-1").await);
    let id = &before.0["review"].to_string();
    stand.write("given.txt", "AAAA-BBBB\nCCCC-DDDD\n");
    stand.write("bad.txt", &format!("AAAA-BBBB\n{}\n", "x".repeat(100_000)));

    // The command line.
    for args in [
        &[id.as_str(), "--as", "noted"][..],
        &[id, "--reason", "why"],
        &[id, "--as", "sold", "--reason", "why"],
        &["first", "--as", "refused", "--reason", "why"],
        &[id, "--as", "refused", "--reason", "why", "--keys", "given.txt"],
        &[id, "--as", "rejected", "--reason", "why", "--receipt", "4711"],
        &[id, "--as", "delivered", "--reason", "why", "--receipt", "4711", "--keys", "given.txt"],
    ] {
        said(&stand, 64, args).await;
    }
    let empty = said(&stand, 64, &[id, "--as", "refused", "--reason", "  "]).await;
    assert!(empty.contains("--reason is empty"), "{empty}");

    // The data.
    let noted = said(&stand, 65, &[id, "--as", "noted", "--reason", "why"]).await;
    assert!(noted.contains("the line waits for this review"), "{noted}");
    let receipt = said(&stand, 65, &[id, "--as", "delivered", "--reason", "why", "--receipt", "4711"]).await;
    assert!(receipt.contains("keys"), "{receipt}");
    let bad = said(&stand, 65, &[id, "--as", "delivered", "--reason", "why", "--keys", "bad.txt"]).await;
    assert!(bad.contains("bad.txt") && bad.contains("one key a line"), "{bad}");
    let nowhere = said(&stand, 66, &[id, "--as", "delivered", "--reason", "why", "--keys", "nowhere.txt"]).await;
    assert!(nowhere.contains("nowhere.txt"), "{nowhere}");

    // The review.
    let none = said(&stand, 1, &["4711", "--as", "refused", "--reason", "why"]).await;
    assert!(none.contains("4711") && none.contains("fulfil review list"), "{none}");
    assert_eq!((stand.review().await, stand.order("o-1").await), before);

    stand.run(0, &["review", "resolve", id, "--as", "rejected", "--reason", "enough"]).await;
    for decision in ["rejected", "refused", "noted"] {
        let again = said(&stand, 1, &[id, "--as", decision, "--reason", "why"]).await;
        assert!(again.contains("resolved already") && again.contains("--all"), "{again}");
    }
    stand.work_off(&[]).await;
    assert_eq!(stand.announced("o-1").await, ["processing", "review", "rejected"]);
    stand.end().await;
}

/// A data folder that is not there is told, not made.
#[test]
fn there_is_nothing_to_review_where_there_is_no_shop() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["review", "list"][..], &["review", "resolve", "1", "--as", "noted", "--reason", "why"]] {
        let output =
            crate::shop::fulfil().current_dir(folder.path()).args(args).args(["--data", "none"]).output().unwrap();
        assert_eq!(output.status.code(), Some(66), "{}", crate::shop::told(&output));
        assert!(!folder.path().join("none").exists());
    }
}

#[tokio::test]
async fn nothing_to_review_is_said() {
    let stand = Stand::open(&[], &supplier_doubles::Mood::default(), &[]).await;
    stand.work_off(&[]).await;
    let told = String::from_utf8(stand.run(0, &["review", "list"]).await.stdout).unwrap();
    assert_eq!(told, "Nothing waits for a decision.\n");
    assert_eq!(stand.ask(&["review", "list", "--all"]).await, serde_json::json!([]));
    stand.end().await;
}

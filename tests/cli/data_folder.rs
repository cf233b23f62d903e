//! What a data folder is asked after a run: each command's answer, for people and for programs.

use serde_json::{Value, json};

use crate::{
    assert_exit, json_of, run,
    shop::{order, told, write},
    shop_with_orders, stderr, stdout,
};

#[test]
fn a_data_folder_answers_every_question() {
    let folder = tempfile::tempdir().unwrap();
    shop_with_orders(folder.path());
    let ask = |args: &[&str]| run(folder.path(), &[args, &["--data", "data"]].concat());
    let ask_json = |args: &[&str]| json_of(&ask(&[args, &["--format", "json"]].concat()));

    let audit = ask_json(&["audit"]);
    let expected = json!({
        "ok": true, "imported": 8, "available": 5, "sold": 3, "quarantined": 0, "orders": 3, "lines_short": 0, "keys_sold_twice": 0,
        "stock_offered": 5, "stock_not_available": 0, "stock_missing": 0, "claims_open": 0,
    });
    assert_eq!(audit, expected);
    assert!(stdout(&ask(&["audit"])).starts_with("ok: every key is accounted for\n"));

    let status = ask_json(&["stock", "status"]);
    let red = &status[1];
    assert_eq!(
        (&red["sku"], &red["available"], &red["offered"], &red["stock"]),
        (&json!("red"), &json!(3), &json!(3), &json!("complete"))
    );
    let epoch = red["epoch"].as_i64().unwrap();
    assert_eq!(ask_json(&["stock", "rebuild", "red"]), json!([{ "sku": "red", "from": epoch, "epoch": epoch + 1 }]));
    let unknown = ask(&["stock", "rebuild", "red", "green"]);
    assert_exit(&unknown, 1);
    assert!(stderr(&unknown).contains("SKU green"), "{}", told(&unknown));
    let red = &ask_json(&["stock", "status"])[1];
    assert_eq!((&red["epoch"], &red["offered"], &red["stock"]), (&json!(epoch + 1), &json!(3), &json!("complete")));
    assert_eq!(ask_json(&["audit"]), expected);

    let missing = ask(&["order", "show", "o-9"]);
    assert_exit(&missing, 1);
    assert_eq!(
        stderr(&missing),
        "fulfil: no order o-9: check the id; an order that is still queued is not recorded yet\n"
    );
}

#[test]
fn an_order_is_shown_with_its_key_ids_and_never_with_keys() {
    let folder = tempfile::tempdir().unwrap();
    shop_with_orders(folder.path());
    let ask = |args: &[&str]| run(folder.path(), &[args, &["--data", "data"]].concat());
    let shown = ask(&["order", "show", "o-1"]);
    assert_exit(&shown, 0);
    let text = stdout(&shown);
    for part in [
        "order     o-1\n",
        "status    fulfilled\n",
        "merchant  m-01\n",
        "result    o-1:1\n",
        "Refused since:",
        "o-1:conflict-",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = ask(&["order", "show", "o-1", "--format", "json"]);
    let result = json_of(&json);
    assert_eq!((&result["status"], &result["owed"]), (&json!("fulfilled"), &json!(false)));
    assert!(result["conflicts"][0]["message_id"].as_str().unwrap().starts_with("o-1:conflict-"), "{result}");
    let sealed = result["lines"][0]["keys"][0]["sealed"].as_str().unwrap();
    assert!(!text.contains(sealed), "{text}");
    // Byte for byte what was announced, and two fields more.
    let announced = stdout(&ask(&["results", "tail"]));
    let announced = announced.lines().find(|line| line.contains(" o-1:1 ")).unwrap().split_once(" o-1:1 ").unwrap().1;
    assert!(stdout(&json).starts_with(announced.strip_suffix('}').unwrap()), "{}", told(&json));

    let short = stdout(&ask(&["order", "show", "o-3"]));
    assert!(short.contains("status    rejected\n") && short.contains("rejected  out_of_stock: "), "{short}");
}

#[test]
fn stored_results_are_tailed_filtered_and_opened() {
    let folder = tempfile::tempdir().unwrap();
    shop_with_orders(folder.path());
    let ask = |args: &[&str]| stdout(&run(folder.path(), &[args, &["--data", "data"]].concat()));
    let all = ask(&["results", "tail"]);
    assert_eq!(all.lines().count(), 5, "{all}");
    assert_eq!(
        ask(&["results", "tail", "--limit", "2"]).lines().collect::<Vec<_>>(),
        all.lines().skip(3).collect::<Vec<_>>()
    );
    let rejected = ask(&["results", "tail", "--pattern", "*.rejected"]);
    assert_eq!(rejected.lines().count(), 2, "{rejected}");
    assert!(rejected.lines().all(|line| line.contains(".rejected ")), "{rejected}");

    let opened = ask(&["open"]);
    assert_eq!(opened.lines().count(), 1 + 3, "{opened}");
    write(folder.path(), "tail.json", &ask(&["results", "tail", "--format", "json"]));
    assert_eq!(ask(&["open", "tail.json"]), opened);
    assert!(opened.contains("o-1,1,red,") && opened.contains("-ABCDE\n"), "{opened}");
}

#[test]
fn order_check_names_line_field_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = order("c", "red", 1).replacen('{', "{\"note\":1,", 1);
    write(folder.path(), "good.jsonl", &format!("{}\r\n\n{unknown}", order("a", "red", 1)));
    let output = run(folder.path(), &["order", "check", "good.jsonl"]);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "line 3 (c): unknown field, ignored: note\n2 orders: ok, 1 with unknown fields\n");

    write(folder.path(), "bad.jsonl", &[order("a", "red", 1), order("b", "red", 0), "{".into(), unknown].join("\n"));
    let output = run(folder.path(), &["order", "check", "bad.jsonl"]);
    assert_exit(&output, 65);
    let text = stdout(&output);
    assert!(text.contains("line 2 (b): lines[0].quantity: 0 is not within 1–1000\nline 3 (no order id): "), "{text}");
    assert!(text.ends_with("4 orders: 2 ok, 2 bad, 1 with unknown fields\n"), "{text}");

    let output = run(folder.path(), &["order", "check", "bad.jsonl", "--format", "json"]);
    assert_exit(&output, 65);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["ok"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!((&lines[1]["order_id"], &lines[1]["problem"]["code"]), (&json!("b"), &json!("invalid_order")));
    assert_eq!(lines[3]["unknown_fields"], json!(["note"]));
}

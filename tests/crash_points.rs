//! The run over crash points knows every point, and a few of its cases, whole: private servers, doubles of suppliers,
//! workers that die, fail and stall, judged from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on ends here")]

use fulfil::crash::Point;

#[test]
fn the_run_goes_through_every_point() {
    let names: Vec<&str> = Point::ALL.iter().map(|point| point.name()).collect();
    assert_eq!(fulfil_load_tests::crash_points::points(), names, "load-tests/src/crash_points/spots.rs");
}

#[cfg(feature = "crash-points")]
mod cases {
    use std::time::Duration;

    use fulfil_load_tests::crash_points::{Action, Plan, run};

    fn plan(points: &[&str], actions: &[Action], folder: &std::path::Path) -> Plan {
        Plan {
            fulfil: env!("CARGO_BIN_EXE_fulfil").into(),
            points: points.iter().map(|&point| point.to_owned()).collect(),
            actions: actions.to_vec(),
            orders: 20,
            stall: Duration::from_secs(4),
            side_by_side: 1,
            seed: 1,
            folder: folder.to_owned(),
        }
    }

    #[test]
    fn a_few_cases_are_clean() {
        let folder = tempfile::tempdir().unwrap();
        let report = run(&plan(&["recorded", "queried"], &Action::ALL, folder.path())).unwrap();
        assert!(report.clean, "{report}");
        assert_eq!((report.points, report.actions, report.rows.len()), (2, 3, 6), "{report}");
        assert!(report.rows.iter().all(|row| row.fired > 0), "{report}");
    }
}

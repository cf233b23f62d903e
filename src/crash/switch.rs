//! The switches: which point, what happens there, how often. Read once, at the first point that is reached.

use std::{
    fmt::Debug,
    str::FromStr,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use super::Point;

const VARIABLE: &str = "FULFIL_CRASH";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Die,
    Fail,
    Stall(Duration),
}

#[derive(Debug)]
struct Switch {
    point: Point,
    action: Action,
    /// Hits that are still struck.
    left: AtomicU32,
    text: Option<String>,
}

/// What happens at this hit; it is told on standard error.
pub(super) fn strikes<D: Debug + ?Sized>(point: Point, about: &D) -> Option<Action> {
    static SWITCHES: OnceLock<Vec<Switch>> = OnceLock::new();
    let action = SWITCHES.get_or_init(read).iter().find_map(|switch| switch.strikes(point, about))?;
    match action {
        Action::Die => tell(point, "dying"),
        Action::Fail => tell(point, "failing"),
        Action::Stall(time) => tell(point, &format!("stalling for {} s", time.as_secs_f64())),
    }
    Some(action)
}

/// A task that is held up; its end is told, also where somebody's patience is over first.
pub(super) struct HeldUp(pub(super) Point);

impl Drop for HeldUp {
    fn drop(&mut self) {
        tell(self.0, "going on");
    }
}

fn tell(point: Point, what: &str) {
    eprintln!("crash point {}: {what}", point.name());
}

fn read() -> Vec<Switch> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let parsed = text.split(';').filter(|one| !one.is_empty()).map(str::parse).collect::<Result<_, String>>();
    parsed.unwrap_or_else(|error| {
        eprintln!("{VARIABLE}={text}: {error}; no crash point is on");
        Vec::new()
    })
}

impl Switch {
    fn strikes<D: Debug + ?Sized>(&self, point: Point, about: &D) -> Option<Action> {
        let here = point == self.point && self.left.load(Relaxed) > 0;
        if !here || self.text.as_ref().is_some_and(|text| !format!("{about:?}").contains(text)) {
            return None;
        }
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok().map(|_| self.action)
    }
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, text) = text.split_once(':').map_or((text, None), |(head, text)| (head, Some(text.to_owned())));
        let (head, times) = head.split_once('*').unwrap_or((head, "1"));
        let (name, action) = head.split_once('/').unwrap_or((head, "die"));
        let point = Point::named(name).ok_or_else(|| format!("there is no point {name:?}"))?;
        let times = times.parse().map_err(|_| format!("{times:?} is no number of times"))?;
        let action = match action.split_once('=') {
            None if action == "die" => Action::Die,
            None if action == "fail" => Action::Fail,
            Some(("stall", seconds)) => {
                let time = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                Action::Stall(time.ok_or_else(|| format!("{seconds:?} is no number of seconds"))?)
            }
            None | Some(_) => return Err(format!("{action:?} is none of die, fail, stall=SECONDS")),
        };
        Ok(Self { point, action, left: AtomicU32::new(times), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_strikes_where_when_and_as_often_as_it_says() {
        let read = |text: &str| text.parse::<Switch>().unwrap();
        let once = read("claimed");
        assert_eq!(once.strikes(Point::Recorded, "x"), None);
        assert_eq!(once.strikes(Point::Claimed, "x"), Some(Action::Die));
        assert_eq!(once.strikes(Point::Claimed, "x"), None);
        let twice = read("sent/stall=1.5*2:o-1: y");
        assert_eq!(twice.strikes(Point::Sent, "o-2"), None);
        for expected in [Some(Action::Stall(Duration::from_millis(1500))); 2].into_iter().chain([None]) {
            assert_eq!(twice.strikes(Point::Sent, "an o-1: y"), expected);
        }
        assert_eq!(read("sent/fail:").strikes(Point::Sent, ""), Some(Action::Fail));
    }

    #[test]
    fn what_it_can_not_be_is_told() {
        for wrong in ["nowhere", "sent/jump", "sent/stall", "sent/stall=x", "sent/stall=-1", "sent*often"] {
            assert!(wrong.parse::<Switch>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_point_has_a_name_of_its_own() {
        for point in Point::ALL {
            assert_eq!(Point::named(point.name()), Some(*point));
        }
    }
}

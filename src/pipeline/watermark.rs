//! The watermark of a lane: batches end in any order, deliveries are acknowledged in theirs, with one
//! acknowledge for all the batches that are finished up to a point (I4).

use std::collections::VecDeque;

use fulfil_contract::ports::source::Receipt;

/// A batch's number within its lane's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchNo(u64);

/// The batches in flight of one session.
#[derive(Debug, Default)]
pub struct Watermark {
    /// The number of the front of `slots`.
    first: u64,
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
enum Slot {
    InFlight,
    Finished(Receipt),
}

impl Watermark {
    /// A batch starts; batches start in the order of their deliveries.
    pub fn start(&mut self) -> BatchNo {
        self.slots.push_back(Slot::InFlight);
        BatchNo(self.first + self.slots.len() as u64 - 1)
    }

    /// A batch's last receipt: the batch is announced.
    pub fn finish(&mut self, batch: BatchNo, last: Receipt) {
        let slot = batch
            .0
            .checked_sub(self.first)
            .and_then(|at| usize::try_from(at).ok())
            .and_then(|at| self.slots.get_mut(at));
        if let Some(slot) = slot {
            *slot = Slot::Finished(last);
        }
    }

    /// The receipt to acknowledge now, with multiple=true: the last of the finished batches that have no
    /// unfinished one before them.
    #[must_use]
    pub fn due(&mut self) -> Option<Receipt> {
        let mut due = None;
        loop {
            match self.slots.pop_front() {
                Some(Slot::Finished(receipt)) => {
                    self.first += 1;
                    due = Some(receipt);
                }
                Some(Slot::InFlight) => {
                    self.slots.push_front(Slot::InFlight);
                    return due;
                }
                None => return due,
            }
        }
    }

    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_nothing_unfinished_before_it_is_due() {
        let mut watermark = Watermark::default();
        let batches: Vec<BatchNo> = (0..4).map(|_| watermark.start()).collect();
        watermark.finish(batches[2], Receipt::new(1, 30));
        watermark.finish(batches[1], Receipt::new(1, 20));
        assert_eq!(watermark.due(), None);
        watermark.finish(batches[0], Receipt::new(1, 10));
        assert_eq!(watermark.due(), Some(Receipt::new(1, 30)));
        assert_eq!(watermark.due(), None);
        assert_eq!(watermark.in_flight(), 1);
        let next = watermark.start();
        watermark.finish(next, Receipt::new(1, 50));
        assert_eq!(watermark.due(), None);
        watermark.finish(batches[3], Receipt::new(1, 40));
        assert_eq!(watermark.due(), Some(Receipt::new(1, 50)));
        assert_eq!(watermark.in_flight(), 0);
    }
}

//! What has travelled before: a datagram that the network, or somebody, sends again is heard once.

/// How far back is remembered. A datagram that so many others have overtaken is taken for a repeat: gossip says everything again.
const WIDTH: u64 = 64;

/// Which of a sender's numbers have come, from the highest one down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    highest: u64,
    /// Bit `n` is for `highest - n`.
    seen: u64,
}

impl Window {
    /// Notes a number, counted from 1; `false` if it has come before.
    pub fn is_new(&mut self, number: u64) -> bool {
        if number > self.highest {
            let ahead = number - self.highest;
            self.seen = if ahead < WIDTH { self.seen << ahead | 1 } else { 1 };
            self.highest = number;
            return true;
        }
        let behind = self.highest - number;
        let bit = if behind < WIDTH { 1 << behind } else { return false };
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_in_whatever_order() {
        let mut window = Window::default();
        assert!([1, 2, 5, 4, 3].into_iter().all(|number| window.is_new(number)));
        assert!([1, 2, 3, 4, 5].into_iter().all(|number| !window.is_new(number)));
    }

    #[test]
    fn what_is_too_old_to_be_known_is_no_news() {
        let mut window = Window::default();
        assert!(window.is_new(1000));
        assert!(!window.is_new(1000 - WIDTH));
        assert!(window.is_new(1000 - WIDTH + 1));
        assert!(window.is_new(1000 + 2 * WIDTH));
        assert!(!window.is_new(1000));
    }
}

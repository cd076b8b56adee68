//! What is said of several measurements.

/// The middle one of them, or the mean of the two in the middle; 0 of none.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => 0.0,
        len if len % 2 == 1 => figures[len / 2],
        len => f64::midpoint(figures[len / 2 - 1], figures[len / 2]),
    }
}

/// The value that `share` (0 to 1) of the figures do not exceed. Sorts them.
pub fn percentile(figures: &mut [u64], share: f64) -> u64 {
    figures.sort_unstable();
    let last = figures.len().saturating_sub(1);
    // A rank needs no more precision than there are figures.
    let rank = (last as f64 * share).round() as usize;
    figures.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(percentile(&mut [5, 1, 4, 2, 3], 0.5), 3);
        assert_eq!(percentile(&mut [5, 1, 4, 2, 3], 1.0), 5);
    }
}

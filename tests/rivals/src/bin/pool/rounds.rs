//! Several rounds of one scenario, and the figures in the middle of them: machines have noisy
//! seconds, and chance has its favourites.

use bowline_link::BoxError;

use crate::contender::{Each, Trial, all};

/// How many rounds there are.
pub(crate) const ROUNDS: u64 = 11;

/// Plays a trial for each round, in every one of which all contenders have a turn, and returns the
/// median of each figure.
pub(crate) fn medians<T, const N: usize>(
    trial: impl Fn(u64) -> T,
) -> Result<Each<[f64; N]>, BoxError>
where
    T: Trial<Outcome = [f64; N]>,
{
    let rounds: Result<Vec<_>, BoxError> = (0..ROUNDS).map(|round| all(&trial(round))).collect();
    Ok(middle(&rounds?))
}

/// The median of each figure over `rounds`, of which there is at least one.
pub(crate) fn middle<const N: usize>(rounds: &[Each<[f64; N]>]) -> Each<[f64; N]> {
    std::array::from_fn(|contender| {
        let (name, _) = rounds[0][contender];
        let figures = std::array::from_fn(|column| {
            let over = rounds.iter().map(|round| round[contender].1[column]);
            median(over.collect())
        });
        (name, figures)
    })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

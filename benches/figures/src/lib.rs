//! What all measurements share: samples and their spread, tables of them, and what they were taken on.
//!
//! Never does: measure anything.

mod machine;

use std::fmt::Write as _;

pub use machine::{machine, said};

/// The same figure, taken several times, in order of size.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }
}

impl Samples {
    pub fn add(&mut self, sample: f64) {
        let place = self.0.partition_point(|other| *other < sample);
        self.0.insert(place, sample);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Not a number, if there are none.
    #[must_use]
    pub fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => f64::NAN,
            even if even % 2 == 0 => f64::midpoint(self.0[middle - 1], self.0[middle]),
            _ => self.0[middle],
        }
    }

    /// `min / median / max`
    #[must_use]
    pub fn spread(&self) -> String {
        match (self.0.first(), self.0.last()) {
            (Some(least), Some(most)) => {
                format!(
                    "{} / {} / {}",
                    digits(*least),
                    digits(self.median()),
                    digits(*most)
                )
            }
            (None, _) | (_, None) => "–".to_owned(),
        }
    }
}

/// As many digits as say something.
#[must_use]
pub fn digits(figure: f64) -> String {
    let decimals = match figure.abs() {
        large if large >= 100.0 => 0,
        medium if medium >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.decimals$}")
}

/// A table in Markdown.
#[must_use]
pub fn table(title: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("## {title}\n\n");
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        text.push('|');
        for cell in cells {
            // Writing to a string does not fail.
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    };
    line(&mut heads.iter().copied());
    line(&mut heads.iter().map(|_| "---"));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two() {
        let mut samples: Samples = [3.0, 1.0, 2.0].into_iter().collect();
        assert_eq!(samples.median(), 2.0);
        samples.add(10.0);
        assert_eq!(samples.median(), 2.5);
        assert_eq!(samples.spread(), "1.00 / 2.50 / 10.0");
    }
}

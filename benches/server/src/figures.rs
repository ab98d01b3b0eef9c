//! Samples, their spread, and tables of them.

use std::fmt::Write as _;

/// The same figure, taken several times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, sample: f64) {
        let place = self.0.partition_point(|other| *other < sample);
        self.0.insert(place, sample);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => f64::NAN,
            even if even % 2 == 0 => f64::midpoint(self.0[middle - 1], self.0[middle]),
            _ => self.0[middle],
        }
    }

    /// `min / median / max`
    pub(crate) fn spread(&self) -> String {
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
pub(crate) fn digits(figure: f64) -> String {
    let decimals = match figure.abs() {
        large if large >= 100.0 => 0,
        medium if medium >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.decimals$}")
}

/// A table in Markdown.
pub(crate) fn table(title: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
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
        let mut samples = Samples::default();
        for sample in [3.0, 1.0, 2.0] {
            samples.add(sample);
        }
        assert_eq!(samples.median(), 2.0);
        samples.add(10.0);
        assert_eq!(samples.median(), 2.5);
        assert_eq!(samples.spread(), "1.00 / 2.50 / 10.0");
    }
}

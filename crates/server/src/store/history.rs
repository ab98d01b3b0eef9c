//! Which history a place of `/sync` belongs to. A database that was restored goes on from an earlier state, so a place
//! from after that state belongs to a history that is gone, also when as much has happened again.

use rand::Rng as _;

use super::{Conn, query, settings};
use crate::Error;

const NAME: &str = "restores";
/// How many bits of a marked place are the place; those above are the restore after which it was given out.
const PLACE_BITS: u32 = 48;
const MAX_PLACE: i64 = (1 << PLACE_BITS) - 1;

/// The restores that a database has behind it, the first first: the mark of each, and the place after which it left
/// what had been.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct History(Vec<(i64, i64)>);

impl History {
    pub(super) fn read(conn: &mut Conn) -> Result<Self, Error> {
        let Some(text) = settings::read(conn, NAME)? else {
            return Ok(Self::default());
        };
        serde_json::from_str(&text)
            .map(Self)
            .map_err(|error| Error::Internal(format!("the restores that are noted: {error}")))
    }

    /// A place of now, for whoever comes back with it.
    pub(super) fn mark(&self, place: i64) -> i64 {
        let mark = self.0.last().map_or(0, |(mark, _)| *mark);
        (mark << PLACE_BITS) | (place & MAX_PLACE)
    }

    /// The place that was marked, if it belongs to this history.
    pub(super) fn place(&self, marked: i64) -> Option<i64> {
        let (mark, place) = (marked >> PLACE_BITS, marked & MAX_PLACE);
        let later = if mark == 0 {
            0
        } else {
            self.0.iter().position(|(known, _)| *known == mark)? + 1
        };
        self.0[later..]
            .iter()
            .all(|(_, left)| place <= *left)
            .then_some(place)
    }
}

/// Notes that a database begins anew from what is in it.
pub(super) fn branch(conn: &mut Conn) -> Result<(), Error> {
    let mut history = History::read(conn)?;
    let place = super::sync::now(conn)?;
    // At random: the same copy may be restored twice.
    history.0.push((rand::rng().random_range(1..1 << 15), place));
    let text = serde_json::to_string(&history.0).map_err(|error| Error::Internal(error.to_string()))?;
    query(
        "INSERT INTO settings (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(NAME)
    .bind(text)
    .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_the_history_it_was_given_out_in_and_to_what_it_grew_from() {
        let (before, once) = (History::default(), History(vec![(7, 100)]));
        let twice = History(vec![(7, 100), (9, 150)]);
        let other = History(vec![(8, 100)]);
        for (given, place, expected) in [
            (&before, 100, [Some(100); 4]),
            (&before, 101, [Some(101), None, None, None]),
            (&once, 101, [None, Some(101), Some(101), None]),
            (&once, 151, [None, Some(151), None, None]),
            (&twice, 151, [None, None, Some(151), None]),
            (&other, 101, [None, None, None, Some(101)]),
            (&other, 50, [None, None, None, Some(50)]),
        ] {
            let asked = [&before, &once, &twice, &other].map(|history| history.place(given.mark(place)));
            assert_eq!(asked, expected, "{given:?} {place}");
        }
    }
}

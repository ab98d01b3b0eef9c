//! Letters as notices of Postgres, which hold fewer than 8000 bytes each: a letter is cut into pieces that are told in
//! one transaction, and so one after the other.

/// The longest piece of a letter, in bytes; its number comes before it.
const LONGEST: usize = 7900;
/// The longest letter that is put together, in bytes. Whoever can tell notices could tell pieces for ever.
const LONGEST_LETTER: usize = 16 * 1024 * 1024;

/// Cuts letters.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// Numbers the letters: within a transaction Postgres tells once what is told twice.
    letters: u64,
}

impl Cutter {
    /// The pieces of a letter, each with the letter's number, its own, and how many follow.
    pub(super) fn cut(&mut self, letter: &str) -> Vec<String> {
        self.letters += 1;
        let mut pieces = Vec::new();
        let mut rest = letter;
        loop {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(LONGEST));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let number = self.letters;
        let last = pieces.len() - 1;
        pieces
            .into_iter()
            .enumerate()
            .map(|(at, piece)| format!("{number}.{at}.{}:{piece}", last - at))
            .collect()
    }
}

/// Puts letters together again.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    text: String,
    /// What has to come next.
    wanted: Option<Place>,
}

/// Where a piece belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The process that told it.
    process: i32,
    letter: u64,
    at: usize,
    left: usize,
}

impl Joiner {
    /// Takes what a process told; gives the letter that it completes. A letter of which a piece is missing is lost.
    pub(super) fn take(&mut self, process: i32, notice: &str) -> Option<String> {
        let (place, piece) = read(process, notice)?;
        let wanted = self.wanted.take();
        if place.at == 0 {
            self.text.clear();
        } else if wanted != Some(place) {
            return None;
        }
        if self.text.len() + piece.len() > LONGEST_LETTER {
            self.text = String::new();
            return None;
        }
        self.text.push_str(piece);
        let Some(left) = place.left.checked_sub(1) else {
            return Some(std::mem::take(&mut self.text));
        };
        let at = place.at + 1;
        self.wanted = Some(Place { at, left, ..place });
        None
    }
}

fn read(process: i32, notice: &str) -> Option<(Place, &str)> {
    let (head, piece) = notice.split_once(':')?;
    let mut numbers = head.splitn(3, '.');
    let place = Place {
        process,
        letter: numbers.next()?.parse().ok()?,
        at: numbers.next()?.parse().ok()?,
        left: numbers.next()?.parse().ok()?,
    };
    Some((place, piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_any_length_come_whole() {
        let mut cutter = Cutter::default();
        let mut joiner = Joiner::default();
        for letter in ["", "short", &"x".repeat(100_000), &"ä世".repeat(9_000)] {
            let pieces = cutter.cut(letter);
            assert!(pieces.iter().all(|piece| piece.len() < 7990), "{}", pieces.len());
            // Nothing is told twice, or Postgres would leave it out.
            let again = cutter.cut(letter);
            assert!(pieces.iter().all(|piece| !again.contains(piece)));
            let joined: Vec<String> = pieces.iter().filter_map(|piece| joiner.take(1, piece)).collect();
            assert_eq!(joined, [letter]);
        }
    }

    #[test]
    fn pieces_of_several_letters_are_never_taken_for_one() {
        let mut cutter = Cutter::default();
        let (one, other) = (cutter.cut(&"a".repeat(20_000)), cutter.cut(&"b".repeat(20_000)));
        let mut joiner = Joiner::default();
        // A piece was lost, somebody else tells something, and then a letter comes whole.
        assert_eq!(joiner.take(1, &one[0]), None);
        assert_eq!(joiner.take(1, &one[2]), None);
        assert_eq!(joiner.take(1, &one[0]), None);
        assert_eq!(joiner.take(2, &one[1]), None);
        assert_eq!(joiner.take(1, &one[2]), None);
        for nonsense in ["", "x", "1:", "1.0:", "-1.0.0:x", "1.x.0:", "1.0.0.0:x"] {
            assert_eq!(joiner.take(2, nonsense), None);
        }
        let joined: Vec<String> = other.iter().filter_map(|piece| joiner.take(1, piece)).collect();
        assert_eq!(joined, ["b".repeat(20_000)]);
        // Nobody has it keep more than a letter can be.
        let piece = "c".repeat(7_900);
        for at in 0..4_000 {
            assert_eq!(joiner.take(3, &format!("9.{at}.{}:{piece}", 4_000 - at)), None);
            assert!(joiner.text.len() <= LONGEST_LETTER);
        }
    }
}

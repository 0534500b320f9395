//! The kept part of a program's output: the beginning and the end. So a program that prints without end does
//! not fill the memory.

use xtask_files::human_size;

/// The number of bytes that are kept of the beginning, and of the end. This is enough for the messages of any
/// tool.
const END: usize = 1 << 20;

/// The kept part of a text.
#[derive(Debug)]
pub struct KeptText {
    head: Vec<u8>,
    /// At most twice the size that is finally kept.
    tail: Vec<u8>,
    most: usize,
    total: u64,
    wanted: Option<SoughtText>,
}

/// A text that is searched in all of the output.
#[derive(Debug)]
struct SoughtText {
    text: String,
    /// The last bytes of the output, which may contain the beginning of the text.
    seam: Vec<u8>,
    found: bool,
}

impl KeptText {
    /// Keeps the beginning and the end, 1 MiB of each.
    pub fn ends() -> Self {
        Self { head: Vec::new(), tail: Vec::new(), most: END, total: 0, wanted: None }
    }

    /// Keeps everything, for documents.
    pub(super) fn whole() -> Self {
        Self { most: usize::MAX, ..Self::ends() }
    }

    /// Also searches this text, including the parts that are not kept.
    pub(super) fn finding(self, text: &str) -> Self {
        let wanted = SoughtText { text: text.to_owned(), seam: Vec::new(), found: text.is_empty() };
        Self { wanted: Some(wanted), ..self }
    }

    /// Adds the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if let Some(wanted) = &mut self.wanted {
            wanted.push(bytes);
        }
        let (head, rest) = bytes.split_at(bytes.len().min(self.most - self.head.len()));
        self.head.extend_from_slice(head);
        // One piece may be longer than everything that is kept.
        self.tail.extend_from_slice(&rest[rest.len().saturating_sub(END)..]);
        if self.tail.len() > 2 * END {
            self.tail.drain(..self.tail.len() - END);
        }
    }

    /// Whether the searched text was found. Always false if no text is searched.
    pub(super) fn found(&self) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.found)
    }

    /// Returns the kept bytes. If something was omitted, a line says how much.
    pub fn bytes(self) -> Vec<u8> {
        let tail = &self.tail[self.tail.len().saturating_sub(END)..];
        let left_out = self.total - (self.head.len() + tail.len()) as u64;
        let mut bytes = self.head;
        if left_out > 0 {
            bytes.extend_from_slice(format!("\n… {} left out …\n", human_size(left_out)).as_bytes());
        }
        bytes.extend_from_slice(tail);
        bytes
    }
}

impl SoughtText {
    fn push(&mut self, bytes: &[u8]) {
        if self.found {
            return;
        }
        self.seam.extend_from_slice(bytes);
        self.found = String::from_utf8_lossy(&self.seam).contains(&self.text);
        let done = self.seam.len().saturating_sub(self.text.len() - 1);
        self.seam.drain(..done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_kept_whole() {
        let mut kept = KeptText::ends();
        kept.push(&vec![b'a'; END]);
        kept.push(&vec![b'b'; END - 1]);
        kept.push(b"c");
        let bytes = kept.bytes();
        assert_eq!(bytes, [vec![b'a'; END], vec![b'b'; END - 1], vec![b'c']].concat());
    }

    #[test]
    fn much_keeps_its_ends_and_says_so() {
        for piece in [7, 4096, END, 3 * END] {
            let mut kept = KeptText::ends();
            kept.push(b"first");
            let pieces = 8 * END / piece;
            for _ in 0..pieces {
                kept.push(&vec![b'x'; piece]);
                assert!(kept.tail.len() <= 3 * END && kept.head.len() <= END);
            }
            kept.push(b"last");
            let left = human_size((9 + pieces * piece - 2 * END) as u64);
            let bytes = kept.bytes();
            assert!(bytes.starts_with(b"first") && bytes.ends_with(b"last"));
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(&format!("x\n… {left} left out …\nx")), "{left}");
        }
        let mut kept = KeptText::whole();
        kept.push(&vec![b'x'; 5 * END]);
        assert_eq!(kept.bytes().len(), 5 * END);
    }

    #[test]
    fn what_is_left_out_is_searched_too() {
        for (text, found) in [("a needle é", true), ("", true), ("needles", false)] {
            let mut kept = KeptText::ends().finding(text);
            kept.push(&vec![0xc3; 2 * END]);
            for byte in "a needle é".bytes() {
                kept.push(&[byte]);
            }
            kept.push(&vec![b'x'; 4 * END]);
            assert_eq!(kept.found(), found, "{text}");
            assert!(!String::from_utf8_lossy(&kept.bytes()).contains("needle"));
        }
        assert!(!KeptText::ends().found());
    }
}

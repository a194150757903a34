//! A request in the agent's own output: the last way for a sandbox that lets nothing else out.
//!
//! `crew submit` prints one line, the agent's CLI passes on what its shell printed, and crew finds the line there,
//! whatever else stands around it: `crew-request:1:ID:HMAC:PAYLOAD`. The payload is the request without its token, in
//! base64 without padding; HMAC-SHA256 over `ID:PAYLOAD`, keyed with the attempt's token, shows who wrote it. So words
//! that an agent reads in a file and repeats hand nothing in.

use super::request::{Ask, Request};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What such a line begins with.
pub const MARK: &str = "crew-request:1:";

/// The longest request that goes this way, in bytes: CLIs cut what a shell command prints, and half a line is none.
pub const MAX_SIGNED: usize = 6 * 1024;

/// Writes a request as a line of output.
pub fn sign(request: &Request) -> String {
    let signed = signed_part(&request.id, &request.ask);
    let (id, payload) = signed.split_once(':').unwrap_or_default();
    let code = BASE64_URL_SAFE_NO_PAD.encode(mac(&request.token, &signed).finalize().into_bytes());
    format!("{MARK}{id}:{code}:{payload}")
}

fn signed_part(id: &str, ask: &Ask) -> String {
    format!("{id}:{}", BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(ask).unwrap_or_default()))
}

/// Returns the code that shows that somebody who has the key asked for this.
pub fn code_of(id: &str, ask: &Ask, key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(mac(key, &signed_part(id, ask)).finalize().into_bytes())
}

/// Tells whether a code is the one that `code_of` returns.
pub fn is_code_of(code: &str, id: &str, ask: &Ask, key: &str) -> bool {
    let code = BASE64_URL_SAFE_NO_PAD.decode(code).unwrap_or_default();
    mac(key, &signed_part(id, ask)).verify_slice(&code).is_ok()
}

/// Finds what may be signed requests in a line of an agent's output. One that is longer than `MAX_SIGNED` is none.
pub fn find(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
    let words = line.split(move |c| !is_part(c));
    // Where marks follow each other, only what stands behind the last one can be whole.
    words.filter_map(|word| word.rfind(MARK).map(|at| &word[at..])).filter(|text| text.len() <= MAX_SIGNED)
}

/// Reads a signed request; `None` where it is not whole or another token signed it.
pub fn read(text: &str, token: &str) -> Option<Request> {
    let mut parts = text.strip_prefix(MARK)?.splitn(3, ':');
    let (id, code, payload) = (parts.next()?, parts.next()?, parts.next()?);
    let code = BASE64_URL_SAFE_NO_PAD.decode(code).ok()?;
    mac(token, &format!("{id}:{payload}")).verify_slice(&code).ok()?;
    let ask: Ask = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(Request { id: id.to_owned(), token: token.to_owned(), ask })
}

fn mac(token: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::Submission;
    use crate::domain::submission::Kind;
    use proptest::prelude::*;
    use serde_json::json;

    fn request() -> Request {
        let body = json!({"reason": "it is there\n\"quoted\" ü"});
        Request {
            id: "0123-ab".into(),
            token: "secret".into(),
            ask: Ask::Submit(Submission { kind: Kind::Noop, body }),
        }
    }

    #[test]
    fn a_request_is_found_in_the_line_of_any_agent() {
        let line = sign(&request());
        assert!(!line.contains("secret"), "{line}");
        let around = [
            line.clone(),
            serde_json::to_string(&json!({"output": format!("x\n{line}\nok")})).unwrap(),
            serde_json::to_string(&json!({"in": json!({"output": format!("{line}\n")}).to_string()}))
                .unwrap(),
        ];
        for text in around {
            let found: Vec<Request> = find(&text).filter_map(|text| read(text, "secret")).collect();
            assert_eq!(found, [request()], "{text}");
        }
    }

    #[test]
    fn a_line_full_of_marks_holds_one_request_at_the_most() {
        assert_eq!(find(&format!("{MARK}{}", "a".repeat(MAX_SIGNED))).count(), 0);
        let line = format!("{}{}", MARK.repeat(1000), sign(&request()));
        let found: Vec<Request> = find(&line).filter_map(|text| read(text, "secret")).collect();
        assert_eq!((found, find(&line).count()), (vec![request()], 1));
    }

    #[test]
    fn another_token_a_changed_word_and_a_cut_line_are_nothing() {
        let line = sign(&request());
        assert_eq!(read(&line, "other"), None);
        assert_eq!(read(&line[..line.len() - 1], "secret"), None);
        assert_eq!(read(&line.replace("0123-ab", "0123-ac"), "secret"), None);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "(crew-request:1:)?[a-zA-Z0-9:_ü-]{0,80}(crew-request:1:)?[a-z:]{0,9}") {
            prop_assert!(find(&line).all(|text| read(text, "secret").is_none()));
        }

        /// Whatever is done to a signed line, it says what it said or nothing.
        #[test]
        fn no_change_makes_another_request_of_it(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let line = sign(&request());
            let mut bytes = line.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let cut_off = line.as_bytes()[..cut.index(line.len())].to_vec();
            for changed in [bytes, cut_off] {
                let text = String::from_utf8_lossy(&changed).into_owned();
                for found in find(&text) {
                    // The last characters of base64 hold bits that say nothing.
                    prop_assert!(read(found, "secret").is_none_or(|found| found == request()), "{text}");
                    prop_assert!(read(found, "other").is_none());
                }
            }
        }
    }
}

//! ECDSA signatures in their two spellings: JWS joins r and s at a fixed length (RFC 7518, section 3.4), X.509 and AWS KMS
//! write a DER sequence of two integers (RFC 3279, section 2.2.3).

/// The length of r and of s on P-256, in bytes.
const NUMBER_LENGTH: usize = 32;

/// From r ‖ s to DER. None unless it has 64 bytes.
pub(super) fn ecdsa_to_der(signature: &[u8]) -> Option<Vec<u8>> {
    if signature.len() != 2 * NUMBER_LENGTH {
        return None;
    }
    let mut body = Vec::with_capacity(72);
    for number in signature.chunks_exact(NUMBER_LENGTH) {
        let zeros = number.iter().take(NUMBER_LENGTH - 1).take_while(|byte| **byte == 0).count();
        let number = &number[zeros..];
        // A set top bit would make the integer negative.
        let pad = usize::from(number[0] & 0x80 != 0);
        body.push(0x02);
        body.push(u8::try_from(number.len() + pad).ok()?);
        body.extend(std::iter::repeat_n(0, pad));
        body.extend_from_slice(number);
    }
    let mut der = vec![0x30, u8::try_from(body.len()).ok()?];
    der.extend(body);
    Some(der)
}

/// From DER to r ‖ s. None for anything but two positive integers of at most 32 bytes, minimally encoded, and nothing after.
pub(super) fn ecdsa_from_der(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, length, rest @ ..] = der else { return None };
    if usize::from(*length) != rest.len() || *length >= 0x80 {
        return None;
    }
    let mut signature = Vec::with_capacity(2 * NUMBER_LENGTH);
    let mut rest = rest;
    for _ in 0..2 {
        let [0x02, length, tail @ ..] = rest else { return None };
        let (number, tail) = tail.split_at_checked(usize::from(*length))?;
        rest = tail;
        let number = match number {
            [0, next, ..] if next & 0x80 != 0 => &number[1..],
            [first, ..] if first & 0x80 == 0 && (*first != 0 || number.len() == 1) => number,
            _ => return None,
        };
        signature.extend(std::iter::repeat_n(0, NUMBER_LENGTH.checked_sub(number.len())?));
        signature.extend_from_slice(number);
    }
    rest.is_empty().then_some(signature)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_signature_survives_both_spellings(r in prop::array::uniform32(any::<u8>()), s in prop::array::uniform32(any::<u8>()), zeros in 0usize..32) {
            let mut signature = [r, s].concat();
            signature[..zeros].fill(0);
            let der = ecdsa_to_der(&signature).unwrap();
            prop_assert_eq!(ecdsa_from_der(&der).unwrap(), signature);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = ecdsa_from_der(&bytes);
            let _ = ecdsa_to_der(&bytes);
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        let good = ecdsa_to_der(&[7; 64]).unwrap();
        assert!(ecdsa_from_der(&good).is_some());
        for bad in [
            vec![],
            good[..good.len() - 1].to_vec(),
            [good.as_slice(), &[0]].concat(),
            vec![0x30, 6, 0x02, 1, 0x81, 0x02, 1, 1],
            vec![0x30, 7, 0x02, 2, 0, 1, 0x02, 1, 1],
            vec![0x30, 5, 0x02, 0, 0x02, 1, 1],
        ] {
            assert_eq!(ecdsa_from_der(&bad), None, "{bad:?}");
        }
    }
}

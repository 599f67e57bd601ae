//! Operations on codes: clamp, ReLU, padding.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Length, Pattern, Place, Slip, code, same_output};
use zeropoint::image::{Border, pad};
use zeropoint::{Code8, Error, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    bounds: [u8; 2],
    place: Place,
    len: Length,
    padding: Padding,
    codes: Pattern<u8>,
}

#[derive(Arbitrary, Debug)]
enum Padding {
    Ordinary { images: u8, sizes: [u8; 7], slips: [Slip; 2] },
    Wild { input: u8, output: u8, sizes: [usize; 7] },
}

fn border([height, width, channels, top, bottom, left, right]: [usize; 7]) -> Border {
    Border { height, width, channels, top, bottom, left, right }
}

fn check<Q: Code8>(case: &Case) {
    let codes = case.codes.elements(case.len.0, code::<Q>);
    let [lo, hi] = case.bounds.map(code);
    same_output(
        codes.len(),
        case.place,
        |out| {
            out.copy_from_slice(&codes);
            reference::clamp(out, lo..=hi)
        },
        |tier, out| {
            out.copy_from_slice(&codes);
            tier.clamp(out, lo..=hi)
        },
    );
    same_output(
        codes.len(),
        case.place,
        |out| {
            out.copy_from_slice(&codes);
            reference::relu(out, lo);
        },
        |tier, out| {
            out.copy_from_slice(&codes);
            tier.relu(out, lo);
        },
    );
    check_pad::<Q>(case);
}

fn check_pad<Q: Code8>(case: &Case) {
    let (border, input, output) = match case.padding {
        Padding::Ordinary { images, sizes, slips } => {
            let border = border(sizes.map(|size| usize::from(size % 6)));
            let images = usize::from(images % 4);
            let Border { height, width, channels, top, bottom, left, right } = border;
            let input = images * height * width * channels;
            let output = images * (height + top + bottom) * (width + left + right) * channels;
            (border, slips[0].of(input), slips[1].of(output))
        }
        Padding::Wild { input, output, sizes } => (border(sizes), input.into(), output.into()),
    };
    let codes = case.codes.elements(input, code::<Q>);
    let zero_point = code(case.bounds[0]);
    let mut out = vec![code(case.bounds[1]); output];
    let Border { height, width, channels, top, left, .. } = border;
    match pad(&codes, border, zero_point, &mut out) {
        // Without codes, sizes may be such that their sums overflow.
        Ok(()) if out.is_empty() => assert!(codes.is_empty()),
        Ok(()) => {
            let padded_height = height + top + border.bottom;
            let padded_width = width + left + border.right;
            for (i, &found) in out.iter().enumerate() {
                let (pixel, channel) = (i / channels, i % channels);
                let (row, column) = (pixel / padded_width, pixel % padded_width);
                let (image, row) = (row / padded_height, row % padded_height);
                let is_inside =
                    (top..top + height).contains(&row) && (left..left + width).contains(&column);
                let expected = if is_inside {
                    let row = image * height + row - top;
                    codes[(row * width + column - left) * channels + channel]
                } else {
                    zero_point
                };
                assert_eq!(found, expected, "code {i}");
            }
        }
        Err(error) => {
            assert!(matches!(error, Error::Shape { .. }), "{error}");
            assert!(out.iter().all(|&out| out == code(case.bounds[1])));
        }
    }
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));

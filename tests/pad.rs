//! Padding, against a loop over every pixel.

use proptest::prelude::*;
use zeropoint::Error;
use zeropoint::image::{Border, pad};

/// One image: each pixel of the output is a pixel of the input, or border.
fn padded(codes: &[i8], border: Border, zero_point: i8) -> Vec<i8> {
    let mut out = Vec::new();
    for row in 0..border.top + border.height + border.bottom {
        for column in 0..border.left + border.width + border.right {
            for channel in 0..border.channels {
                let inside = (border.top..border.top + border.height).contains(&row)
                    && (border.left..border.left + border.width).contains(&column);
                out.push(if inside {
                    let pixel = (row - border.top) * border.width + column - border.left;
                    codes[pixel * border.channels + channel]
                } else {
                    zero_point
                });
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn every_pixel(
        images in 1_usize..4,
        shape in any::<[u8; 7]>(),
        zero_point in any::<i8>(),
    ) {
        let [height, width, channels, top, bottom, left, right] = shape.map(|n| n as usize % 5);
        let border = Border { height, width, channels, top, bottom, left, right };
        let image = height * width * channels;
        let codes: Vec<_> = (0..images * image).map(|i| i as i8).collect();
        let expected: Vec<_> = (0..images)
            .flat_map(|i| padded(&codes[i * image..][..image], border, zero_point))
            .collect();
        let mut out = vec![zero_point.wrapping_add(1); expected.len()];
        pad(&codes, border, zero_point, &mut out).unwrap();
        assert_eq!(out, expected);
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let border = Border { height: 2, width: 3, channels: 2, top: 1, ..Border::default() };
    for (input, output) in [(12, 17), (11, 18), (12, 36), (0, 18), (24, 18), (12, 0)] {
        let error = pad(&vec![0; input], border, 0_u8, &mut vec![0; output]).unwrap_err();
        let (argument, elements) = match input {
            11 => ("codes", input),
            _ => ("out", output),
        };
        let shape = match (argument, input) {
            ("codes", _) => [None, Some(2), Some(6)],
            _ => [Some(input / 12), Some(3), Some(6)],
        };
        let expected = Error::Shape { argument, elements, shape };
        assert_eq!(error, expected);
    }
    assert!(pad(&[], border, 0_u8, &mut []).is_ok());
    let huge = Border { height: usize::MAX, width: usize::MAX, ..border };
    assert!(pad(&[0; 12], huge, 0_u8, &mut [0; 18]).is_err());
    let huge = Border { left: usize::MAX, ..border };
    assert!(pad(&[0; 12], huge, 0_u8, &mut [0; 18]).is_err());
}

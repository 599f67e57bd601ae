//! Drawings as SVG, for light and for dark pages.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type Drawn = Result<(), Box<dyn Error>>;

/// The text of an SVG.
pub(crate) type Svg = Result<String, Box<dyn Error>>;

pub(crate) fn text(area: &Area<'_>, text: &str, at: (i32, i32), side: HPos, size: i32) -> Drawn {
    let style = TextStyle::from(("sans-serif", size)).pos(Pos::new(side, VPos::Center));
    Ok(area.draw(&Text::new(text.to_owned(), at, style))?)
}

/// What `paint` draws, for light and for dark: where it stands alone it has a background of its own, in
/// a page it takes the colours of the page.
pub(crate) fn draw(width: i32, height: i32, paint: impl FnOnce(&Area<'_>) -> Drawn) -> Svg {
    let mut svg = String::new();
    {
        let size = (width as u32, height as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        paint(&area)?;
        area.present()?;
    }
    let style = "<style>svg{background:#fff}text{fill:#1f2328}\
                 @media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}}</style>";
    Ok(svg.replacen('>', &format!(">{style}"), 1))
}

//! The icon in the panel: how much is unread, and a menu to open and to quit.
//!
//! On Linux the StatusNotifierItem protocol itself, which tells whether a panel shows it and needs no GTK;
//! elsewhere Tauri's tray.

use tauri::image::Image;

#[cfg(target_os = "linux")]
#[path = "tray/status_notifier.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "tray/native.rs"]
mod platform;

pub(crate) use platform::Tray;

const OPEN: &str = "Open Khaya";
const QUIT: &str = "Quit";

/// The tooltip, and a line of the menu.
fn unread_line(unread: u64) -> String {
    match unread {
        0 => "No unread messages".to_owned(),
        1 => "1 unread message".to_owned(),
        more => format!("{more} unread messages"),
    }
}

/// The icon, with a dot in its corner when there is something unread.
fn icon(unread: bool) -> tauri::Result<Image<'static>> {
    let plain = Image::from_bytes(include_bytes!("../icons/64x64.png"))?;
    let (width, height) = (plain.width(), plain.height());
    let mut pixels = plain.rgba().to_vec();
    if unread {
        draw_dot(&mut pixels, width, height);
    }
    Ok(Image::new_owned(pixels, width, height))
}

/// A red disc with a white rim in the upper right corner: seen on dark and light panels alike.
fn draw_dot(rgba: &mut [u8], width: u32, height: u32) {
    let radius = f64::from(width) * 0.24;
    let (centre_x, centre_y) = (f64::from(width) - radius, radius);
    let cells = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    for (pixel, (x, y)) in rgba.chunks_exact_mut(4).zip(cells) {
        let distance = (f64::from(x) + 0.5 - centre_x).hypot(f64::from(y) + 0.5 - centre_y);
        if distance <= radius * 0.8 {
            pixel.copy_from_slice(&[0xd3, 0x2f, 0x2f, 0xff]);
        } else if distance <= radius {
            pixel.copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts() {
        assert_eq!(
            [0, 1, 2].map(unread_line),
            ["No unread messages", "1 unread message", "2 unread messages"]
        );
    }

    #[test]
    fn the_dot_is_in_the_corner_alone() {
        let (plain, dotted) = (icon(false).unwrap(), icon(true).unwrap());
        let pixel = |image: &Image<'_>, x: u32, y: u32| {
            let at = ((y * image.width() + x) * 4) as usize;
            image.rgba()[at..at + 4].to_vec()
        };
        assert_eq!(pixel(&dotted, 48, 15), [0xd3, 0x2f, 0x2f, 0xff]);
        assert_eq!(pixel(&dotted, 20, 50), pixel(&plain, 20, 50));
        assert_ne!(pixel(&dotted, 48, 15), pixel(&plain, 48, 15));
    }
}

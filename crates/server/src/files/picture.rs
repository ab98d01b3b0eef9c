//! Looking at pictures: what they are, how large, a small copy, and a blur to show until that has come.
//!
//! Trusts no picture: its head is read first, and one that would take too much room is not unpacked.

use std::io::Cursor;

use image::{
    DynamicImage, GenericImageView as _, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder,
};

/// The largest file that is looked at, in bytes.
pub(crate) const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// The most pixels of a picture: a little more than the cameras of telephones have.
pub(crate) const MAX_PIXELS: u64 = 50_000_000;
/// The longest side of a picture, in pixels.
const MAX_SIDE: u32 = 32_768;
/// The most memory that unpacking takes, in bytes.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;
/// The longest side of a small copy, in pixels.
const SMALL: u32 = 512;
/// The longest side of what a blur is made from: it has no more than a few waves.
const BLURRED: u32 = 32;
const JPEG_QUALITY: u8 = 80;

/// What is known of a picture.
#[derive(Debug)]
pub(crate) struct Picture {
    /// What its bytes say, whatever its sender said.
    pub(crate) mime_type: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) blurhash: String,
    pub(crate) thumbnail: Vec<u8>,
    pub(crate) thumbnail_type: &'static str,
}

/// Why a picture was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// It is none, or not a whole one.
    Damaged,
    /// It would take too much room.
    TooLarge,
}

/// The types of picture that are looked at.
pub(crate) fn is_known_type(mime_type: &str) -> bool {
    KNOWN.iter().any(|(_, known)| *known == mime_type)
}

/// Whether a file that begins so may be a picture.
pub(crate) fn may_be(head: &[u8]) -> bool {
    format(head).is_some()
}

const KNOWN: [(ImageFormat, &str); 4] = [
    (ImageFormat::Png, "image/png"),
    (ImageFormat::Jpeg, "image/jpeg"),
    (ImageFormat::Gif, "image/gif"),
    (ImageFormat::WebP, "image/webp"),
];

fn format(bytes: &[u8]) -> Option<(ImageFormat, &'static str)> {
    let guessed = image::guess_format(bytes).ok()?;
    KNOWN.into_iter().find(|(format, _)| *format == guessed)
}

/// Unpacks a picture, upright, of an animation the first frame.
pub(crate) fn look(bytes: &[u8]) -> Result<Picture, Unseen> {
    let (format, mime_type) = format(bytes).ok_or(Unseen::Damaged)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unseen)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
        return Err(Unseen::TooLarge);
    }
    let orientation = decoder.orientation().map_err(unseen)?;
    let whole = DynamicImage::from_decoder(decoder).map_err(unseen)?;
    let mut small = shrink(&whole, SMALL);
    drop(whole);
    small.apply_orientation(orientation);
    // Upright and small, its sides are in the proportion of the picture's: turned when they are turned.
    let turned = matches!(
        orientation,
        image::metadata::Orientation::Rotate90
            | image::metadata::Orientation::Rotate270
            | image::metadata::Orientation::Rotate90FlipH
            | image::metadata::Orientation::Rotate270FlipH
    );
    let (width, height) = if turned { (height, width) } else { (width, height) };
    let (thumbnail, thumbnail_type) = pack(&small).map_err(unseen)?;
    Ok(Picture {
        mime_type,
        width,
        height,
        blurhash: blur(&small)?,
        thumbnail,
        thumbnail_type,
    })
}

fn shrink(picture: &DynamicImage, side: u32) -> DynamicImage {
    if picture.width() <= side && picture.height() <= side {
        picture.clone()
    } else {
        picture.thumbnail(side, side)
    }
}

/// As JPEG, and as PNG what one can look through.
fn pack(small: &DynamicImage) -> Result<(Vec<u8>, &'static str), ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    let see_through = small.color().has_alpha() && small.pixels().any(|(_, _, pixel)| pixel.0[3] < u8::MAX);
    if see_through {
        DynamicImage::from(small.to_rgba8()).write_to(&mut bytes, ImageFormat::Png)?;
        Ok((bytes.into_inner(), "image/png"))
    } else {
        small
            .to_rgb8()
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))?;
        Ok((bytes.into_inner(), "image/jpeg"))
    }
}

fn blur(small: &DynamicImage) -> Result<String, Unseen> {
    let tiny = shrink(small, BLURRED).to_rgba8();
    let (width, height) = tiny.dimensions();
    let (across, down) = if width >= height { (4, 3) } else { (3, 4) };
    blurhash::encode(across, down, width, height, &tiny).map_err(|_| Unseen::Damaged)
}

fn unseen(error: ImageError) -> Unseen {
    match error {
        ImageError::Limits(_) => Unseen::TooLarge,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => Unseen::Damaged,
    }
}

// Pictures as one animated WebP (https://developers.google.com/speed/webp/docs/riff_container). Imported, not run.

const number = (value, bytes) => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntLE(value, 0, bytes)
  return buffer
}

/** A part of the file: its name, its length, and its bytes, of which there is an even number. */
const chunk = (name, ...parts) => {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(name), number(bytes.length, 4), bytes, Buffer.alloc(bytes.length % 2)])
}

/** What follows the header of a WebP file with one picture, and is the picture itself. */
const pictureIn = (file) => {
  for (let at = 12; at < file.length;) {
    const name = file.toString("latin1", at, at + 4)
    const length = 8 + file.readUInt32LE(at + 4)
    if (name === "VP8 " || name === "VP8L") return file.subarray(at, at + length + (length % 2))
    at += length + (length % 2)
  }
  throw new Error("the file has no picture")
}

const alphaAndAnimation = 0x12
const withoutBlending = 0x02

/**
 * @param size of the whole, in pixels
 * @param frames each with a WebP file, its place in the whole at even coordinates, and how long it is shown
 */
export const animate = ({ height, width }, frames) => {
  const body = Buffer.concat([
    Buffer.from("WEBP"),
    chunk("VP8X", number(alphaAndAnimation, 4), number(width - 1, 3), number(height - 1, 3)),
    chunk("ANIM", number(0xff_ff_ff_ff, 4), number(0, 2)), // white, for ever
    ...frames.map(({ file, height: tall, millis, width: wide, x, y }) =>
      chunk(
        "ANMF",
        number(x / 2, 3),
        number(y / 2, 3),
        number(wide - 1, 3),
        number(tall - 1, 3),
        number(millis, 3),
        number(withoutBlending, 1),
        pictureIn(file)
      )
    )
  ])
  return Buffer.concat([Buffer.from("RIFF"), number(body.length, 4), body])
}

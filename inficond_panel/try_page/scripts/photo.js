// A photo of the user: read, upright, as RGB levels, and prepared as the network's input.

import { canvasOf, scaledDown } from "../../ui/photos/canvas.js"
import { reduceInto, resized } from "./resize.js"

/** A photo is reduced by a whole factor as long as this many pixels are left, as in Python:
    `inficond_panel/store/images.py`. */
const DETAIL = 1024 * 1024
/** Longest side of the photo that is shown, in pixels. */
const SHOWN = 1024

/** The photo of a file: `levels` (RGB), `width` and `height` of these, and `draw(canvas)`. Rejects for a file
    that the browser cannot read as a picture. EXIF data turn it upright; colour profiles are ignored. */
export async function readPhoto(file) {
  const bitmap = await createImageBitmap(file, {
    imageOrientation: "from-image",
    colorSpaceConversion: "none",
  })
  try {
    return { ...levelsOf(bitmap), shown: scaledDown(bitmap, SHOWN) }
  } finally {
    bitmap.close()
  }
}

function levelsOf(bitmap) {
  const { width, height } = bitmap
  const factor = Math.max(1, Math.floor(Math.sqrt(Math.floor((width * height) / DETAIL))))
  const [newWidth, newHeight] = [Math.ceil(width / factor), Math.ceil(height / factor)]
  const levels = new Uint8ClampedArray(3 * newWidth * newHeight)
  const rows = factor * Math.max(1, Math.floor(DETAIL / (width * factor)))
  const strip = canvasOf(width, Math.min(rows, height))
  const context = strip.getContext("2d", { willReadFrequently: true })
  for (let top = 0; top < height; top += rows) {
    const high = Math.min(rows, height - top)
    context.fillStyle = "#ffffff"
    context.fillRect(0, 0, width, high)
    context.drawImage(bitmap, 0, top, width, high, 0, 0, width, high)
    reduceInto(levels, top / factor, context.getImageData(0, 0, width, high).data, width, high, factor)
  }
  return { levels, width: newWidth, height: newHeight }
}

/** The network's input of a photo: float32, channel by channel, as its metadata say. */
export function preparedOf(photo, { size, mean, std, interpolation }) {
  const [width, height] = size
  const { levels } = resized(photo, width, height, interpolation)
  const input = new Float32Array(3 * width * height)
  for (let c = 0; c < 3; c++) {
    const [m, s] = [Math.fround(mean[c]), Math.fround(std[c])]
    for (let at = 0; at < width * height; at++) {
      const level = Math.fround(levels[3 * at + c] / 255)
      input[c * width * height + at] = Math.fround(level - m) / s
    }
  }
  return input
}

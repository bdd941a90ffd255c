// Resizing as Pillow does it, to the last bit: a canvas smooths in its own way, which changes the scores.
// Source: Pillow's src/libImaging/Resample.c, Geometry.c and Reduce.c, whose fixed-point numbers are kept.

const BITS = 22
const FILTERS = {
  bilinear: { support: 1, of: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, of: bicubic },
}

/** Keys' cubic with a = -0.5. */
function bicubic(x) {
  const d = Math.abs(x)
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0
}

/** RGB levels of a picture `{levels, width, height}` at another size, three bytes a pixel. */
export function resized(picture, width, height, interpolation) {
  if (interpolation === "nearest") return nearest(picture, width, height)
  const filter = FILTERS[interpolation]
  const rows = (each) => (width === each.width ? each : alongRows(each, width, filter))
  const columns = (each) => (height === each.height ? each : alongColumns(each, height, filter))
  return isColumnsFirst(picture, width, height) ? rows(columns(picture)) : columns(rows(picture))
}

/** Whether columns are resized before rows, which rounds otherwise: Pillow 13 does so where it loses more
    than twice as many rows as columns; before 13 rows were first. */
const isColumnsFirst = (picture, width, height) =>
  height < picture.height && picture.height - height > 2 * (picture.width - width)

function nearest({ levels, width, height }, newWidth, newHeight) {
  const made = new Uint8ClampedArray(3 * newWidth * newHeight)
  const columns = nearestOf(width, newWidth)
  let to = 0
  for (const row of nearestOf(height, newHeight)) {
    for (const column of columns) {
      for (let c = 0; c < 3; c++) made[to++] = levels[3 * (row * width + column) + c]
    }
  }
  return { levels: made, width: newWidth, height: newHeight }
}

/** For each new pixel of a line the old one; summed up as in Pillow, whose rounding decides ties. */
function nearestOf(size, newSize) {
  const step = size / newSize
  let centre = step * 0.5
  return Array.from({ length: newSize }, () => {
    const at = Math.min(size - 1, Math.floor(centre))
    centre += step
    return at
  })
}

/** For each new pixel of a line the first old one, and the whole-number weights of those from there on. */
function weightsOf(size, newSize, { support, of }) {
  const scale = size / newSize
  const wide = Math.max(1, scale)
  return Array.from({ length: newSize }, (_, at) => {
    const centre = (at + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support * wide + 0.5))
    const end = Math.min(size, Math.trunc(centre + support * wide + 0.5))
    const parts = Array.from({ length: end - first }, (_, i) => of((i + first - centre + 0.5) * (1 / wide)))
    const sum = parts.reduce((all, part) => all + part, 0)
    return { first, weights: parts.map((part) => asWhole(part / sum)) }
  })
}

const asWhole = (weight) => Math.trunc(weight * 2 ** BITS + (weight < 0 ? -0.5 : 0.5))
/** A level from 0 to 255 of a sum of levels by whole-number weights. */
const levelOf = (sum) => Math.max(0, Math.min(255, Math.floor((sum + 2 ** (BITS - 1)) / 2 ** BITS)))

function alongRows({ levels, width, height }, newWidth, filter) {
  const made = new Uint8ClampedArray(3 * newWidth * height)
  const lines = weightsOf(width, newWidth, filter)
  for (let y = 0, to = 0; y < height; y++) {
    for (const { first, weights } of lines) {
      const from = 3 * (y * width + first)
      for (let c = 0; c < 3; c++) {
        let sum = 0
        for (let i = 0; i < weights.length; i++) sum += levels[from + 3 * i + c] * weights[i]
        made[to++] = levelOf(sum)
      }
    }
  }
  return { levels: made, width: newWidth, height }
}

function alongColumns({ levels, width, height }, newHeight, filter) {
  const line = 3 * width
  const made = new Uint8ClampedArray(line * newHeight)
  weightsOf(height, newHeight, filter).forEach(({ first, weights }, y) => {
    for (let x = 0; x < line; x++) {
      let sum = 0
      for (let i = 0; i < weights.length; i++) sum += levels[(first + i) * line + x] * weights[i]
      made[y * line + x] = levelOf(sum)
    }
  })
  return { levels: made, width, height: newHeight }
}

/** Write the mean of each square of `factor` × `factor` pixels of a strip (RGBA, `width` × `rows`) into the
    levels `made` (RGB) from the row `top` on; squares at the right and lower edge may be smaller. */
export function reduceInto(made, top, strip, width, rows, factor) {
  const newWidth = Math.ceil(width / factor)
  for (let y = 0; y < rows; y += factor) {
    for (let x = 0; x < width; x += factor) {
      const to = 3 * ((top + y / factor) * newWidth + x / factor)
      const [w, h] = [Math.min(factor, width - x), Math.min(factor, rows - y)]
      for (let c = 0; c < 3; c++) {
        let sum = 0
        for (let j = 0; j < h; j++) {
          for (let i = 0; i < w; i++) sum += strip[4 * ((y + j) * width + x + i) + c]
        }
        made[to + c] = Math.floor((sum + Math.floor((w * h) / 2)) / (w * h))
      }
    }
  }
}

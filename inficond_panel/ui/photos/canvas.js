// Photos on a canvas.

export function canvasOf(width, height) {
  const canvas = document.createElement("canvas")
  canvas.width = width
  canvas.height = height
  return canvas
}

/** A canvas with a bitmap on white, scaled down so that its longer side is at most `longest` pixels. */
export function scaledDown(bitmap, longest) {
  const share = Math.min(1, longest / Math.max(bitmap.width, bitmap.height))
  const side = (pixels) => Math.max(1, Math.round(pixels * share))
  const canvas = canvasOf(side(bitmap.width), side(bitmap.height))
  const context = canvas.getContext("2d")
  context.fillStyle = "white"
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.imageSmoothingQuality = "high"
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  return canvas
}

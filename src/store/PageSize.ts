/** How many of the first lines fit into this many bytes of text: at least one, if there are any. */
export const countWithin = <Line>(
  lines: ReadonlyArray<Line>,
  bytesOf: (line: Line) => number,
  maxBytes: number
): number => {
  let bytes = 0
  const end = lines.findIndex((line, index) => {
    bytes += bytesOf(line)
    return index > 0 && bytes > maxBytes
  })
  return end < 0 ? lines.length : end
}

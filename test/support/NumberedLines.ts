/** The whole numbers from `start` to `end - 1`. */
export const range = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index)

/** Numbered texts of 80 bytes. */
export const numbered = (count: number) => range(0, count).map((number) => String(number).padEnd(80, "."))

/** Numbered messages for bob. From alice, each takes 100 bytes on bob's wire. */
export const flood = (count: number, first = 0) =>
  range(first, first + count).map((number) => `bob: ${String(number).padEnd(87, ".")}`)

/** The numbers of a sender's messages, in order of arrival. NaN stands for a message without a number. */
export const numbersFrom = (sender: string, lines: ReadonlyArray<string>) =>
  lines
    .filter((line) => line.startsWith(`from ${sender}: `))
    .map((line) => Number.parseInt(line.slice(`from ${sender}: `.length), 10))

/** How many messages were returned for a reason: one notice can cover several. */
export const returnedCount = (reason: string, lines: ReadonlyArray<string>) =>
  lines
    .filter((line) => line.startsWith("! undelivered") && line.includes(` reason=${reason}`))
    .reduce((sum, line) => sum + Number(/ count=(\d+)/.exec(line)?.[1] ?? 1), 0)

/**
 * One line for each line that a refusal with `count` answers (PROTOCOL.md, section 3). `undelivered` lines stay as they
 * are.
 */
export const uncounted = (line: string): ReadonlyArray<string> => {
  const [, head, count, rest] = /^(! (?!undelivered )[^:]*?) count=(\d+)(:.*)$/su.exec(line) ?? []
  return head === undefined || rest === undefined ? [line] : Array.from({ length: Number(count) }, () => head + rest)
}

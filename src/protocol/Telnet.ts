/**
 * Telnet's commands (RFC 854, RFC 855). Some telnet clients, such as PuTTY, send theirs before the user has typed
 * anything, so they come at the start of the login line. Their first byte, 255, is in no UTF-8 text.
 */

const IAC = 255
const SB = 250
const SE = 240

/** Whether a line in wire form contains the start of a command. */
export const isIn = (wire: string): boolean => wire.includes("\xff")

/** The rest of a line in wire form, after the whole commands at its start. */
export const skip = (wire: string): string => {
  let at = 0
  while (wire.charCodeAt(at) === IAC) {
    const end = endOf(wire, at)
    if (end === undefined || end > wire.length) break
    at = end
  }
  return wire.slice(at)
}

/** The position after the command at `at`; undefined if it has no end, or is not a command. */
const endOf = (wire: string, at: number): number | undefined => {
  const command = wire.charCodeAt(at + 1)
  if (command === SB) return endOfOption(wire, at + 2)
  if (command > SE && command < SB) return at + 2
  // WILL, WONT, DO and DONT are followed by an option.
  return command > SB && command < IAC ? at + 3 : undefined
}

/** Inside the data of an option, a byte 255 is written twice. */
const endOfOption = (wire: string, start: number): number | undefined => {
  let iac = wire.indexOf("\xff", start)
  while (iac >= 0 && wire.charCodeAt(iac + 1) === IAC) iac = wire.indexOf("\xff", iac + 2)
  return iac >= 0 && wire.charCodeAt(iac + 1) === SE ? iac + 2 : undefined
}

/** A text of the server or of the model as a sentence: with a capital letter, and an end. */
export const of = (text: string): string =>
  `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.?!]$/u.test(text) ? "" : "."}`

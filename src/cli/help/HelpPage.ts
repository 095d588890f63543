import type * as HelpDoc from "@effect/cli/HelpDoc"
import type * as Span from "@effect/cli/HelpDoc/Span"

/**
 * Prints the documents of @effect/cli like its own printer. That one computes a layout for a width, which these
 * documents do not need, and takes 13 ms for a page (benchmark: start-up).
 */

/** A document as text. Each part is followed by an empty line. */
export const text = (doc: HelpDoc.HelpDoc): string => lines(doc).join("\n")

const lines = (doc: HelpDoc.HelpDoc): ReadonlyArray<string> => {
  switch (doc._tag) {
    case "Empty":
      return [""]
    case "Header":
      return [spanText(doc.value, bold), ""]
    case "Paragraph":
      return [spanText(doc.value), ""]
    case "DescriptionList":
      return doc.definitions.flatMap(([term, about]) => [spanText(term, bold), "", ...indented(lines(about))])
    case "Enumeration":
      return indented(
        doc.elements.flatMap((element) => {
          const [first = "", ...others] = lines(element)
          return [`- ${first}`, ...others]
        })
      )
    case "Sequence":
      return [...lines(doc.left), ...lines(doc.right)]
  }
}

const indented = (all: ReadonlyArray<string>) => all.map((line) => (line === "" ? "" : `  ${line}`))

/** A style of text, as the parameters of the escape sequence that selects it (SGR). */
interface Style {
  readonly colour?: number
  readonly bold?: 1
  readonly underlined?: 4
}

const bold: Style = { bold: 1 }

const select = ({ bold, colour, underlined }: Style) =>
  `\x1b[${[0, colour, bold, underlined].filter((parameter) => parameter !== undefined).join(";")}m`

const spanText = (span: Span.Span, style?: Style): string =>
  style === undefined ? within(span, {}) : select(style) + within(span, style) + select({})

/** A span within styled text. Its own style adds to the outer one. */
const within = (span: Span.Span, style: Style): string => {
  const inner = (value: Span.Span, added: Style) => {
    const both = { ...style, ...added }
    return select(both) + within(value, both) + select(style)
  }
  switch (span._tag) {
    case "Text":
      return span.value
    case "Sequence":
      return within(span.left, style) + within(span.right, style)
    case "Highlight":
      return inner(span.value, { colour: foreground[span.color._tag] })
    case "Strong":
      return inner(span.value, bold)
    case "Weak":
      return inner(span.value, { colour: 90 })
    case "URI":
      return inner({ _tag: "Text", value: span.value }, { underlined: 4 })
  }
}

const foreground = { Black: 30, Red: 31, Green: 32, Yellow: 33, Blue: 34, Magenta: 35, Cyan: 36, White: 37 } as const

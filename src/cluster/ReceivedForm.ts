import * as LineForm from "../chat/LineForm.js"

const head = /^(from [^ :]+)((?: [a-z]+=[^ :]+)*): /

/**
 * Lines in the form `all`, in the form that their recipient wants. Nearly all have no parameters, which two searches in
 * the whole text show.
 */
export const render = (text: string, form: LineForm.LineForm): string => {
  if (form === LineForm.all || !hasParams(text)) return text
  return text
    .split("\n")
    .map((line) => line.replace(head, (_, from: string, params: string) => `${from}${wanted(params, form)}: `))
    .join("\n")
}

/** Most text has no `=` at all, for which V8 looks at many bytes at once (benchmark: nodes-1000). */
const hasParams = (text: string) => text.includes("=") && (text.includes(" to=") || text.includes(" auto="))

const wanted = (params: string, form: LineForm.LineForm): string =>
  params
    .split(" ")
    .filter((param) => isWanted(param, form))
    .join(" ")

const isWanted = (param: string, form: LineForm.LineForm): boolean => {
  if (param.startsWith("to=")) return LineForm.listsRecipients(form)
  return param.startsWith("auto=") ? LineForm.marksPrograms(form) : true
}

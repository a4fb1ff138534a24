/** C0, DEL and C1: a terminal obeys them. Marks that turn the direction of writing: they make one text look like another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const commanding = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const indent = '\n      '

/** A text of somebody else for a terminal: it commands nothing, and none of its lines looks like a line of ours. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/\r\n?/g, '\n').replaceAll('\t', '  ').replace(commanding, '\ufffd').replaceAll('\n', indent)
}

/** The same for a name: one line. */
export function printableName(name: string): string {
  return printable(name).replaceAll(indent, ' ')
}

/** Lines of CSV as they arrive, by RFC 4180. */

/** Splits chunks of CSV into rows of cells; quoted cells may hold commas, quotes and line breaks. */
export class CsvReader {
  private cell = ''
  private row: string[] = []
  private isQuoted = false
  private wasQuote = false

  /** Returns the rows that a chunk completes. */
  read(chunk: string): string[][] {
    const rows: string[][] = []
    for (const each of chunk) {
      if (this.isQuoted) {
        if (each === '"') {
          this.isQuoted = false
          this.wasQuote = true
        } else this.cell += each
        continue
      }
      if (each === '"') {
        if (this.wasQuote) this.cell += '"'
        this.isQuoted = true
      } else if (each === ',') this.endCell()
      else if (each === '\n') rows.push(this.endRow())
      else if (each !== '\r') this.cell += each
      this.wasQuote = false
    }
    return rows
  }

  /** Returns the last row, where it has no line break. */
  end(): string[][] {
    return this.cell || this.row.length ? [this.endRow()] : []
  }

  private endCell(): void {
    this.row.push(this.cell)
    this.cell = ''
  }

  private endRow(): string[] {
    this.endCell()
    const row = this.row
    this.row = []
    return row
  }
}

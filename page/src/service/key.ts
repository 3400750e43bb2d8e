/** The API key, kept for this tab only. */

const NAME = 'malignancy-api-key'

export const apiKey = {
  get: (): string => sessionStorage.getItem(NAME) ?? '',
  set: (key: string): void => sessionStorage.setItem(NAME, key),
  remove: (): void => sessionStorage.removeItem(NAME),
}

# admind

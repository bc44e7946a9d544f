package entity

// words classes a word of letters, in small letters; capital says whether it was written with one.
func words(w string, capital bool) sort {
	switch w {
	case "january", "february", "april", "june", "july", "august", "september", "october", "november", "december":
		return month
	case "jan", "jan.", "feb", "feb.", "apr", "apr.", "jun", "jun.", "jul", "jul.", "aug", "aug.", "sept", "sept.", "sep", "sep.", "oct", "oct.", "nov", "nov.", "dec", "dec.", "may", "march", "mar", "mar.":
		if capital {
			return month | doubt
		}
		return 0
	case "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "mondays", "tuesdays", "wednesdays", "thursdays", "fridays", "saturdays", "sundays":
		return weekday
	case "tue", "tue.", "tues", "tues.", "wed", "wed.", "thu", "thu.", "thur", "thur.", "thurs", "thurs.", "fri", "fri.", "mon", "mon.", "sat", "sat.", "sun", "sun.":
		if capital {
			return weekday | doubt
		}
		return 0
	case "today", "tomorrow", "yesterday", "tonight":
		return now
	case "last", "next", "this", "past", "previous", "following", "coming", "same", "each", "every", "that":
		return which
	case "early", "late", "mid", "mid-":
		return part
	case "spring", "summer", "autumn", "winter", "fall":
		return season
	case "morning", "afternoon", "evening", "night", "weekend", "noon", "midnight":
		return moment
	case "christmas", "easter", "thanksgiving", "halloween", "ramadan", "hanukkah", "diwali":
		if capital {
			return feast
		}
		return 0
	case "am", "pm", "a.m.", "p.m.", "a.m", "p.m", "o'clock":
		return am
	case "gmt", "utc", "est", "edt", "cst", "cdt", "pst", "pdt", "cet", "cest", "bst", "ist":
		return zone
	case "second":
		return ordinal
	case "day", "week", "month", "year", "decade", "century", "quarter", "days", "weeks", "months", "years", "decades", "centuries", "hours", "hour", "minutes", "minute", "seconds", "quarters",
		"fortnight", "semester", "millennium", "mins", "hrs", "yrs":
		return span1 | unit
	case "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
		"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "zero", "one", "dozen", "twenty-one", "twenty-two", "twenty-three", "twenty-four", "twenty-five", "thirty-five", "forty-five",
		"half":
		return number
	case "hundred", "thousand", "million", "billion", "trillion", "hundreds", "thousands", "millions", "billions", "trillions", "bn", "dozens":
		return scale
	case "first", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth", "twenty-first":
		return ordinal
	case "dollars", "dollar", "euros", "euro", "pounds", "pound", "yen", "cents", "cent", "rupees", "yuan", "francs", "marks", "pesos", "rubles", "roubles", "bucks", "usd", "eur", "gbp", "jpy", "chf", "quid", "shillings", "pence", "renminbi", "won", "crowns", "kronor", "kroner", "lira", "rand":
		return coin
	case "percent", "per-cent", "pct", "percentage", "pc":
		return percent
	case "us$", "a$", "c$", "hk$", "nz$", "r$":
		return money
	}
	return measures(w)
}

// measures classes units.
func measures(w string) sort {
	switch w {
	case "km", "kilometers", "kilometres", "kilometer", "kilometre", "m", "meters", "metres", "meter", "metre", "cm", "centimeters", "centimetres", "mm", "millimeters", "millimetres", "nm", "miles", "mile", "mi",
		"feet", "foot", "ft", "ft.", "inches", "inch", "in.", "yards", "yard", "acres", "acre", "hectares", "hectare", "ha", "km2", "km²", "m2", "m²",
		"kg", "kilograms", "kilogram", "kilos", "kilo", "g", "grams", "gram", "mg", "milligrams", "tons", "ton", "tonnes", "tonne", "lb", "lbs", "lbs.", "ounces", "ounce", "oz", "oz.",
		"liters", "litres", "liter", "litre", "ml", "gallons", "gallon", "barrels", "barrel", "pints", "cups", "cup", "tablespoons", "teaspoons",
		"bytes", "byte", "kb", "mb", "gb", "tb", "kilobytes", "megabytes", "gigabytes", "terabytes", "bits", "mbps", "gbps", "megapixels", "pixels",
		"hz", "khz", "mhz", "ghz", "watts", "watt", "kw", "mw", "gw", "kwh", "volts", "volt", "amps", "horsepower", "hp", "db", "decibels",
		"mph", "kmh", "h", "knots", "degrees", "degree", "celsius", "fahrenheit", "kelvin",
		"people", "persons", "times", "points", "copies", "votes", "seats", "members", "employees", "students", "children", "inhabitants", "users", "items", "pages", "units", "households", "families",
		"men", "women", "soldiers", "troops", "cases", "deaths", "shares", "episodes", "goals", "games", "matches", "tracks", "songs", "books", "films", "stars", "calories", "milliseconds", "ms":
		return unit
	}
	return 0
}

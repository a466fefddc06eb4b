/*
 * ios_models.c - names of Apple's devices
 */
#include <string.h>

#include "visit.h"

typedef struct IosModel
{
	const char *identifier;
	const char *name;
} IosModel;

static const IosModel models[] = {
#define IOS_MODEL(identifier, name) {identifier, name},
#include "ios_models.list.h"
#undef IOS_MODEL
};

const char *
ios_model_name(const char *identifier)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
	{
		if (strcmp(models[i].identifier, identifier) == 0)
			return models[i].name;
	}
	return identifier;
}
